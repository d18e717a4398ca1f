#include "settings.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <stdexcept>

namespace emulator {
namespace {

[[noreturn]] void refuse(const std::string& key, const std::string& value, const std::string& right) {
    throw std::invalid_argument(key + "=" + value + ": expected " + right);
}

std::uint64_t number(const std::string& key, const std::string& value, std::uint64_t least, std::uint64_t most) {
    const bool digits = !value.empty() && value.size() < 19 &&
                        std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!digits || std::stoull(value) < least || std::stoull(value) > most) {
        refuse(key, value, "a number from " + std::to_string(least) + " to " + std::to_string(most));
    }
    return std::stoull(value);
}

std::vector<std::string> items(const std::string& key, const std::string& value) {
    std::vector<std::string> found;
    std::istringstream list(value + ';');
    for (std::string each; std::getline(list, each, ';');) {
        if (each.empty()) {
            refuse(key, value, "one value, or one for each device, separated by semicolons");
        }
        found.push_back(each);
    }
    return found;
}

std::vector<int> numbers(const std::string& key, const std::string& value, std::uint64_t least, std::uint64_t most) {
    std::vector<int> found;
    for (const std::string& each : items(key, value)) {
        found.push_back(static_cast<int>(number(key, each, least, most)));
    }
    return found;
}

Blas blas(const std::string& key, const std::string& value) {
    for (const auto& [name, meant] : {std::pair{"ok", Blas::ok},
                                      {"not-initialized", Blas::notInitialized},
                                      {"not-supported", Blas::notSupported},
                                      {"execution-failed", Blas::executionFailed}}) {
        if (value == name) {
            return meant;
        }
    }
    refuse(key, value, "ok, not-initialized, not-supported or execution-failed");
}

Schedule schedule(const std::string& key, const std::string& value) {
    const std::string random = "random:";
    if (value == "eager") {
        return {Schedule::Kind::eager, 0};
    }
    if (value == "lazy") {
        return {Schedule::Kind::lazy, 0};
    }
    if (value.rfind(random, 0) == 0) {
        return {Schedule::Kind::random, number(key, value.substr(random.size()), 0, UINT64_MAX)};
    }
    refuse(key, value, "eager, lazy or random:SEED");
}

bool threads(const std::string& key, const std::string& value) {
    if (value != "one" && value != "threads") {
        refuse(key, value, "one or threads");
    }
    return value == "threads";
}

}  // namespace

std::string Settings::variable(const std::string& key) {
    std::string name = "TP4J_EMULATOR_" + key;
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return c == '-' ? '_' : static_cast<char>(std::toupper(c)); });
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? "" : value;
}

Settings Settings::fromEnvironment() {
    Settings settings;
    for (const char* key : {"devices", "memory", "schedule", "host", "peers", "driver", "capability", "multiprocessors",
                            "name", "cublas", "cublas-version"}) {
        const std::string value = variable(key);
        if (!value.empty()) {
            settings.set(key, value);
        }
    }
    return settings;
}

void Settings::set(const std::string& key, const std::string& value) {
    if (key == "devices") {
        devices = static_cast<int>(number(key, value, 0, 32));
    } else if (key == "memory") {
        memoryMiB = number(key, value, 1, 48 * 1024);
    } else if (key == "schedule") {
        schedule = emulator::schedule(key, value);
    } else if (key == "host") {
        hostThreads = threads(key, value);
    } else if (key == "peers") {
        links = Links::parse(value);
    } else if (key == "driver") {
        driver = static_cast<int>(number(key, value, 11000, 99999));
    } else if (key == "capability") {
        capability = PerDevice(numbers(key, value, 50, 200));
    } else if (key == "multiprocessors") {
        multiprocessors = PerDevice(numbers(key, value, 1, 1000));
    } else if (key == "name") {
        name = PerDevice(items(key, value));
    } else if (key == "cublas") {
        blas = emulator::blas(key, value);
    } else if (key == "cublas-version") {
        blasVersion = static_cast<int>(number(key, value, 110000, 999999));
    } else {
        refuse(key, value, "a key that the README names");
    }
}

}  // namespace emulator
