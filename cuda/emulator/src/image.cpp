#include "image.h"

#include <link.h>

namespace emulator {
namespace {

struct Search {
    Address code;
    Image found;
};

Range cover(const Range& range, Address begin, Address end) {
    return range.begin == range.end ? Range{begin, end} : Range{std::min(range.begin, begin), std::max(range.end, end)};
}

Image extent(const dl_phdr_info& library) {
    Image image{};
    for (int index = 0; index < library.dlpi_phnum; index++) {
        const ElfW(Phdr) & part = library.dlpi_phdr[index];
        if (part.p_type != PT_LOAD) {
            continue;
        }
        const Address begin = library.dlpi_addr + part.p_vaddr;
        image.all = cover(image.all, begin, begin + part.p_memsz);
        if ((part.p_flags & PF_W) != 0) {
            image.writable = cover(image.writable, begin, begin + part.p_memsz);
        }
    }
    return image;
}

int visit(dl_phdr_info* library, std::size_t, void* data) {
    auto& search = *static_cast<Search*>(data);
    const Image image = extent(*library);
    if (!holds(image.all, search.code)) {
        return 0;
    }
    search.found = image;
    return 1;
}

}  // namespace

Image Image::holding(Address code) {
    Search search{code, {}};
    dl_iterate_phdr(visit, &search);
    return search.found;
}

}  // namespace emulator
