#pragma once
// The kernel's generator behind a small buffer: a tag or a branch costs no system call of its own. What
// was given out is wiped from the buffer. Not for use by several threads at once.

#include <array>
#include <cstddef>

#include "platform/base/random.h"

namespace sallyport::os {

class KernelRandom final : public RandomSource {
public:
    // Aborts if the kernel has no randomness to give: nothing that we make may be guessable.
    void fill(std::span<std::byte> out) override;

private:
    std::array<std::byte, 4096> buffer_{};
    std::size_t used_ = sizeof(buffer_);
};

}  // namespace sallyport::os
