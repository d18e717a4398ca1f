#include "links.h"

#include <algorithm>
#include <iterator>
#include <regex>
#include <sstream>
#include <stdexcept>

namespace emulator {
namespace {

struct Rule {
    const char* name;
    bool reaches;
    Fate kernels;
    Fate copies;
};

constexpr Rule rules[] = {
    {"all", true, Fate::arrives, Fate::arrives},
    {"none", false, Fate::arrives, Fate::arrives},
    {"broken-copies", true, Fate::arrives, Fate::garbled},
    {"broken-kernels", true, Fate::garbled, Fate::arrives},
    {"broken", true, Fate::garbled, Fate::garbled},
    {"hang", true, Fate::hangs, Fate::hangs},
    {"fault", true, Fate::faults, Fate::arrives},
};
constexpr const char* nvlink = "nvlink";

const Rule* find(const std::string& name) {
    const auto* found = std::find_if(std::begin(rules), std::end(rules), [&](const Rule& r) { return r.name == name; });
    return found == std::end(rules) ? nullptr : found;
}

}  // namespace

bool Links::Item::names(int from, int to) const {
    return !ends || *ends == std::pair{from, to} || (bothWays && *ends == std::pair{to, from});
}

void Links::Item::applyTo(Link& link) const {
    if (rule == nvlink) {
        link.atomics = true;
        return;
    }
    const Rule& wanted = *find(rule);
    link.reaches = wanted.reaches;
    link.kernels = wanted.kernels;
    link.copies = wanted.copies;
    link.harmless = harmless;
}

Links::Item Links::item(const std::string& text) {
    static const std::regex form("([a-z-]+)(@(\\d{1,2})([->])(\\d{1,2}))?(:(\\d{1,18}))?");
    std::smatch part;
    if (!std::regex_match(text, part, form) || (part[1] != nvlink && find(part[1]) == nullptr)) {
        throw std::invalid_argument(text +
                                    ": expected RULE[@A>B or @A-B][:BYTES], RULE one of all, none, broken-copies, "
                                    "broken-kernels, broken, hang, fault, nvlink");
    }
    Item item{part[1], std::nullopt, part[4] == "-", part[7].matched ? std::stoull(part[7]) : 0};
    if (part[2].matched) {
        item.ends = {std::stoi(part[3]), std::stoi(part[5])};
    }
    return item;
}

Links Links::parse(const std::string& text) {
    Links links;
    std::istringstream list(text + ';');
    for (std::string each; std::getline(list, each, ';');) {
        links.items.push_back(item(each));
    }
    return links;
}

Link Links::between(int from, int to) const {
    Link link;
    for (const Item& each : items) {
        if (each.names(from, to)) {
            each.applyTo(link);
        }
    }
    return link;
}

}  // namespace emulator
