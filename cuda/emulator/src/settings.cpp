#include "settings.h"

#include <algorithm>
#include <cstdlib>
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

}  // namespace

std::string Settings::variable(const std::string& key) {
    std::string name = "TP4J_EMULATOR_" + key;
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? "" : value;
}

Settings Settings::fromEnvironment() {
    Settings settings;
    for (const char* key : {"devices", "memory", "schedule", "peers", "driver", "capability"}) {
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
    } else if (key == "peers") {
        links = Links::parse(value);
    } else if (key == "driver") {
        driver = static_cast<int>(number(key, value, 11000, 99999));
    } else if (key == "capability") {
        capability = static_cast<int>(number(key, value, 50, 200));
    } else {
        refuse(key, value, "one of the keys devices, memory, schedule, peers, driver, capability, fault, drop");
    }
}

}  // namespace emulator
