#pragma once
// What is done to a message: to its parts, and to its bytes.

#include <string>

#include "tests/mutate/plain_message.h"

namespace sallyport::mutate {

inline constexpr std::size_t kLongest = 65507;  // of a UDP datagram

// One of: extreme numbers and ports, a header a thousand times, very long values, folds, unbalanced quotes and
// brackets, deep commas, thousands of parameters, headers lost, doubled and moved, odd URIs, lists, other methods.
void mutate_parts(PlainMessage& message, FakeRandom& random);
// One of: bits flipped, bytes inserted, deleted and doubled, cut, NUL, broken UTF-8, other line ends, `other` spliced
// in.
void mutate_bytes(std::string& bytes, const std::string& other, FakeRandom& random);
// One of: many m= and a= lines, formats, extreme numbers, lines lost, moved and cut, other line ends.
void mutate_description(std::string& body, FakeRandom& random);
// One of: a wrong boundary, many parts, a part within itself, no end.
void mutate_multipart(PlainMessage& message, FakeRandom& random);

}  // namespace sallyport::mutate
