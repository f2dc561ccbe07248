#include "platform/os/random.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace sallyport::os {
namespace {

void fill_from_kernel(std::span<std::byte> out) {
    while (!out.empty()) {
        const auto n = ::getrandom(out.data(), out.size(), 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            std::fputs("the kernel's random generator failed\n", stderr);
            std::abort();
        }
        out = out.subspan(static_cast<std::size_t>(n));
    }
}

}  // namespace

void KernelRandom::fill(std::span<std::byte> out) {
    if (out.size() > buffer_.size()) {
        fill_from_kernel(out);
        return;
    }
    while (!out.empty()) {
        if (used_ == buffer_.size()) {
            fill_from_kernel(buffer_);
            used_ = 0;
        }
        const auto n = std::min(out.size(), buffer_.size() - used_);
        std::memcpy(out.data(), buffer_.data() + used_, n);
        ::explicit_bzero(buffer_.data() + used_, n);
        used_ += n;
        out = out.subspan(n);
    }
}

}  // namespace sallyport::os
