#include "ptx.h"

#include "error.h"

#include <algorithm>
#include <cctype>
#include <map>

namespace emulator {
namespace {

bool isWordCharacter(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '$' || c == '%';
}

/** A text's words and marks, one after the other, without its comments; an empty word when there are no more. */
class Words {
public:
    explicit Words(const std::string& text) : text(text) { advance(); }

    const std::string& current() const { return word; }

    std::string next() {
        std::string taken = word;
        advance();
        return taken;
    }

private:
    void advance() {
        skipBlanks();
        const std::size_t begin = at;
        while (at < text.size() && isWordCharacter(text[at])) {
            at++;
        }
        if (at == begin && at < text.size()) {
            at++;
        }
        word = text.substr(begin, at - begin);
    }

    void skipBlanks() {
        for (;;) {
            if (at < text.size() && std::isspace(static_cast<unsigned char>(text[at])) != 0) {
                at++;
            } else if (text.compare(at, 2, "//") == 0) {
                at = std::min(text.find('\n', at), text.size());
            } else if (text.compare(at, 2, "/*") == 0) {
                const std::size_t end = text.find("*/", at + 2);
                at = end == std::string::npos ? text.size() : end + 2;
            } else {
                return;
            }
        }
    }

    const std::string& text;
    std::size_t at = 0;
    std::string word;
};

std::size_t number(const std::string& word) {
    const bool digits = !word.empty() && word.size() < 10 &&
                        std::all_of(word.begin(), word.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
    require(digits, CUDA_ERROR_INVALID_PTX);
    return std::stoul(word);
}

/** "8.0" is 80. */
int versionNumber(const std::string& word) {
    const std::size_t point = std::min(word.find('.'), word.size() - 1);
    return static_cast<int>(number(word.substr(0, point)) * 10 + number(word.substr(point + 1)));
}

/** "sm_75" is 75. */
int targetNumber(const std::string& word) {
    const std::string prefix = "sm_";
    require(word.compare(0, prefix.size(), prefix) == 0, CUDA_ERROR_INVALID_PTX);
    return static_cast<int>(number(word.substr(prefix.size())));
}

std::size_t elementSize(const std::string& type) {
    static const std::map<std::string, std::size_t> sizes = {
        {".b8", 1},  {".u8", 1},  {".s8", 1},  {".b16", 2}, {".u16", 2}, {".s16", 2}, {".f16", 2}, {".b32", 4},
        {".u32", 4}, {".s32", 4}, {".f32", 4}, {".b64", 8}, {".u64", 8}, {".s64", 8}, {".f64", 8},
    };
    const auto found = sizes.find(type);
    require(found != sizes.end(), CUDA_ERROR_INVALID_PTX);
    return found->second;
}

struct Variable {
    std::string name;
    std::size_t bytes;
};

/** `[.align N] .TYPE NAME[COUNT]`, behind a `.param` or `.shared`; a `NAME[]` has no bytes. */
Variable variable(Words& words) {
    if (words.current() == ".align") {
        words.next();
        words.next();
    }
    const std::size_t element = elementSize(words.next());
    const std::string name = words.next();
    if (words.current() != "[") {
        return {name, element};
    }
    words.next();
    return {name, words.current() == "]" ? 0 : element * number(words.next())};
}

/** `NAME(PARAMETERS)`, behind the `.entry`. */
PtxEntry entry(Words& words) {
    PtxEntry found{words.next(), {}, 0};
    require(words.next() == "(", CUDA_ERROR_INVALID_PTX);
    while (words.current() != ")") {
        require(!words.current().empty(), CUDA_ERROR_INVALID_PTX);
        if (words.next() == ".param") {
            found.parameters.push_back(variable(words).bytes);
        }
    }
    return found;
}

}  // namespace

Ptx Ptx::parse(const std::string& text) {
    Words words(text);
    require(words.next() == ".version", CUDA_ERROR_INVALID_PTX);
    Ptx ptx{versionNumber(words.next()), 0, {}};
    require(words.next() == ".target", CUDA_ERROR_INVALID_PTX);
    ptx.target = targetNumber(words.next());
    std::map<std::string, std::size_t> shared;  // declared, and not yet mentioned by the entry
    std::map<std::string, std::size_t> ofModule;
    int depth = 0;
    while (!words.current().empty()) {
        const std::string word = words.next();
        depth += word == "{" ? 1 : word == "}" ? -1 : 0;
        if (word == ".entry") {
            ptx.entries.push_back(entry(words));
            shared = ofModule;
        } else if (word == ".shared") {
            const Variable found = variable(words);
            (depth == 0 ? ofModule : shared)[found.name] = found.bytes;
        } else if (depth > 0 && !ptx.entries.empty() && shared.count(word) != 0) {
            ptx.entries.back().shared += shared[word];
            shared.erase(word);
        }
    }
    return ptx;
}

}  // namespace emulator
