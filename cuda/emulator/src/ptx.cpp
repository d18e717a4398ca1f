#include "ptx.h"

#include "error.h"

#include <map>
#include <regex>

namespace emulator {
namespace {

std::size_t elementSize(const std::string& type) {
    static const std::map<std::string, std::size_t> sizes = {
        {"b8", 1},  {"u8", 1},  {"s8", 1},  {"b16", 2}, {"u16", 2}, {"s16", 2}, {"f16", 2}, {"b32", 4},
        {"u32", 4}, {"s32", 4}, {"f32", 4}, {"b64", 8}, {"u64", 8}, {"s64", 8}, {"f64", 8},
    };
    const auto found = sizes.find(type);
    require(found != sizes.end(), CUDA_ERROR_INVALID_PTX);
    return found->second;
}

std::string withoutComments(const std::string& text) {
    std::string kept;
    for (std::size_t at = 0; at < text.size();) {
        if (text.compare(at, 2, "//") == 0) {
            at = std::min(text.find('\n', at), text.size());
        } else if (text.compare(at, 2, "/*") == 0) {
            const std::size_t end = text.find("*/", at + 2);
            at = end == std::string::npos ? text.size() : end + 2;
        } else {
            kept += text[at++];
        }
    }
    return kept;
}

int versionNumber(const std::string& text) {
    std::smatch match;
    require(std::regex_search(text, match, std::regex("\\.version\\s+(\\d+)\\.(\\d+)")), CUDA_ERROR_INVALID_PTX);
    return std::stoi(match[1]) * 10 + std::stoi(match[2]);
}

int targetNumber(const std::string& text) {
    std::smatch match;
    require(std::regex_search(text, match, std::regex("\\.target\\s+sm_(\\d+)")), CUDA_ERROR_INVALID_PTX);
    return std::stoi(match[1]);
}

std::vector<std::size_t> parameterSizes(const std::string& list) {
    static const std::regex parameter("\\.param\\s+(?:\\.align\\s+\\d+\\s+)?\\.(\\w+)[^,\\[]*(?:\\[(\\d+)\\])?");
    std::vector<std::size_t> sizes;
    for (std::sregex_iterator each(list.begin(), list.end(), parameter), end; each != end; ++each) {
        const std::size_t count = (*each)[2].matched ? std::stoul((*each)[2]) : 1;
        sizes.push_back(elementSize((*each)[1]) * count);
    }
    return sizes;
}

}  // namespace

Ptx Ptx::parse(const std::string& source) {
    const std::string text = withoutComments(source);
    Ptx ptx{versionNumber(text), targetNumber(text), {}};
    const std::string keyword = ".entry";
    for (std::size_t at = text.find(keyword); at != std::string::npos; at = text.find(keyword, at)) {
        const std::size_t open = text.find('(', at);
        const std::size_t close = text.find(')', at);
        require(close != std::string::npos && open < close, CUDA_ERROR_INVALID_PTX);
        std::smatch name;
        const std::string head = text.substr(at + keyword.size(), open - at - keyword.size());
        require(std::regex_search(head, name, std::regex("[\\w$]+")), CUDA_ERROR_INVALID_PTX);
        ptx.entries.push_back({name[0], parameterSizes(text.substr(open, close - open))});
        at = close;
    }
    return ptx;
}

}  // namespace emulator
