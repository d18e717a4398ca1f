#include "links.h"

#include <algorithm>
#include <iterator>
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

/** Reads an item from its beginning to its end. */
class Scanner {
public:
    explicit Scanner(const std::string& text) : text(text) {}

    void expect(bool right) const {
        if (!right) {
            throw std::invalid_argument(text +
                                        ": expected RULE[@A>B or @A-B][:BYTES], RULE one of all, none, broken-copies, "
                                        "broken-kernels, broken, hang, fault, nvlink");
        }
    }

    bool atEnd() const { return at == text.size(); }

    bool skip(char wanted) {
        const bool there = !atEnd() && text[at] == wanted;
        at += there ? 1 : 0;
        return there;
    }

    std::string word() {
        return take([](char c) { return (c >= 'a' && c <= 'z') || c == '-'; });
    }

    std::uint64_t number(std::size_t mostDigits) {
        const std::string digits = take([](char c) { return c >= '0' && c <= '9'; });
        expect(!digits.empty() && digits.size() <= mostDigits);
        return std::stoull(digits);
    }

private:
    template <typename Wanted>
    std::string take(Wanted wanted) {
        const std::size_t from = at;
        while (!atEnd() && wanted(text[at])) {
            at++;
        }
        return text.substr(from, at - from);
    }

    const std::string& text;
    std::size_t at = 0;
};

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
    Scanner scanner(text);
    Item item{scanner.word(), std::nullopt, false, 0};
    scanner.expect(item.rule == nvlink || find(item.rule) != nullptr);
    if (scanner.skip('@')) {
        const int from = static_cast<int>(scanner.number(2));
        item.bothWays = scanner.skip('-');
        scanner.expect(item.bothWays || scanner.skip('>'));
        item.ends = {from, static_cast<int>(scanner.number(2))};
    }
    if (scanner.skip(':')) {
        item.harmless = scanner.number(18);
    }
    scanner.expect(scanner.atEnd());
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
