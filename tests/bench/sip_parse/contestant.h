#pragma once
// A parser that takes part in sip_parse_bench, behind an interface that shows nothing of its library.
//
// read() parses one datagram, hands each of the fields below to the digest, and gives back what it took. The fields are
// decoded when they are handed over: URIs split, numbers as numbers. In this order:
//     Request-URI                user, host, port
//     each Via                   transport, host, port, branch
//     From, To                   user, host, port, tag
//     Call-ID                    value
//     CSeq                       number, method
//     Contact                    user, host, port, `expires`
//     each Route, Record-Route   host, port
//     Content-Type               type, subtype
//     Content-Length             number
//   and with Part::kAll
//     SDP                        address of c=; of each m= its type, port and formats, and of each rtpmap payload type,
//                                encoding and clock rate
// A port that is not there is 0, a tag "".

#include <cstdint>
#include <memory>
#include <string_view>

namespace sallyport::bench {

// What was read, as one number: the same fields in the same order give the same number. While time is taken the first
// byte of a text stands for it, so that nobody pays for the digest; `whole` takes each byte, to see that texts are the
// same.
class Digest {
public:
    explicit Digest(bool whole = false) : whole_(whole) {}

    void number(std::uint64_t value) { state_ = (state_ ^ value) * 0x9e3779b97f4a7c15U; }
    void text(std::string_view value) {
        if (whole_) return bytes(value);
        number(value.empty() ? 0U : static_cast<std::uint8_t>(value[0]));
    }
    // As the libraries in C keep it: its length is not known, and is not sought.
    void c_text(const char* value) {
        if (whole_) return bytes(value != nullptr ? value : "");
        number(value != nullptr ? static_cast<std::uint8_t>(value[0]) : 0U);
    }
    std::uint64_t value() const { return state_; }

private:
    void bytes(std::string_view value) {
        for (const char c : value) number(static_cast<std::uint8_t>(c));
        number(value.size());
    }

    std::uint64_t state_ = 0;
    bool whole_;
};

// Decimal digits of a C library's text up to their end, without a call for them.
inline std::uint32_t c_number(const char* digits) {
    std::uint32_t value = 0;
    if (digits == nullptr) return 0;
    for (; *digits >= '0' && *digits <= '9'; ++digits) value = value * 10 + static_cast<std::uint32_t>(*digits - '0');
    return value;
}

enum class Part : bool { kSip, kAll };

class Contestant {
public:
    Contestant() = default;
    Contestant(const Contestant&) = delete;
    Contestant& operator=(const Contestant&) = delete;
    virtual ~Contestant() = default;
    virtual bool read(std::string_view datagram, Part part, Digest& digest) = 0;  // false: it does not parse
};

std::unique_ptr<Contestant> make_sallyport();
std::unique_ptr<Contestant> make_osip();
std::unique_ptr<Contestant> make_sofia();

}  // namespace sallyport::bench
