#include "tests/bench/sip_parse/allocations.h"

#include <cstddef>

namespace {

std::uint64_t count = 0;  // one thread

}  // namespace

// glibc's own names of what is replaced here.
// NOLINTBEGIN(bugprone-reserved-identifier): they are glibc's
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t number, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
// NOLINTEND(bugprone-reserved-identifier)

void* malloc(std::size_t size) {
    ++count;
    return __libc_malloc(size);
}
void* calloc(std::size_t number, std::size_t size) {
    ++count;
    return __libc_calloc(number, size);
}
void* realloc(void* memory, std::size_t size) {
    ++count;
    return __libc_realloc(memory, size);
}
}

namespace sallyport::bench {

std::uint64_t allocations() { return count; }

}  // namespace sallyport::bench
