#pragma once
// The version of the whole tree: the processes of one installation are of one version, and say so to each other.

namespace sallyport {

inline constexpr const char* kVersionText = "0.1.0";

}  // namespace sallyport
