#include "tests/mutate/mutations.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace sallyport::mutate {

namespace {

constexpr std::array<std::string_view, 20> kNumbers{"0",
                                                    "-1",
                                                    "1",
                                                    "9",
                                                    "69",
                                                    "70",
                                                    "255",
                                                    "256",
                                                    "65535",
                                                    "65536",
                                                    "2147483647",
                                                    "2147483648",
                                                    "4294967295",
                                                    "4294967296",
                                                    "18446744073709551616",
                                                    "000000000000000000000000000000001",
                                                    "1e9",
                                                    "0x10",
                                                    "+1",
                                                    "99999999999999999999999999999999999999"};

std::string repeated(std::string_view what, std::size_t times) {
    std::string out;
    out.reserve(std::min(what.size() * times, 2 * kLongest));
    for (std::size_t i = 0; i < times && out.size() < kLongest; ++i) out += what;
    return out;
}

std::size_t many(FakeRandom& random) {
    constexpr std::array<std::size_t, 6> kMany{10, 100, 255, 256, 1000, 5000};
    return kMany[random.below(kMany.size())];
}

std::pair<std::string, std::string>& any_header(PlainMessage& m, FakeRandom& random) {
    return m.headers[random.below(static_cast<std::uint32_t>(m.headers.size()))];
}

std::size_t place(const std::string& s, FakeRandom& random) {
    return random.below(static_cast<std::uint32_t>(s.size()) + 1);
}

void put(std::string& s, std::string_view what, FakeRandom& random) { s.insert(place(s, random), what); }

// Replaces a run of digits.
void other_number(std::string& s, FakeRandom& random) {
    const auto from = s.find_first_of("0123456789", place(s, random));
    if (from == std::string::npos) return;
    const auto to = std::min(s.find_first_not_of("0123456789", from), s.size());
    s.replace(from, to - from, draw(random, kNumbers));
}

// --- parts
void extreme_header(PlainMessage& m, FakeRandom& random) {
    constexpr std::array<std::string_view, 12> kNumeric{"Content-Length", "CSeq", "Max-Forwards",    "Expires",
                                                        "Min-SE",         "RSeq", "Session-Expires", "Timestamp",
                                                        "Retry-After",    "RAck", "Min-Expires",     "Max-Breadth"};
    const std::string name(draw(random, kNumeric));
    std::string value(draw(random, kNumbers));
    if (name == "CSeq") {
        const auto* there = m.find("CSeq");
        const auto space = there == nullptr ? std::string::npos : there->find(' ');
        if (space != std::string::npos) value += there->substr(space);
    }
    m.set(name, value);
}

void extreme_address(PlainMessage& m, FakeRandom& random) {
    constexpr std::array<std::string_view, 18> kParams{";rport",
                                                       ";rport=0",
                                                       ";rport=99999",
                                                       ";received=0.0.0.0",
                                                       ";received=255.255.255.255",
                                                       ";maddr=224.0.0.1",
                                                       ";ttl=256",
                                                       ";ttl=-1",
                                                       ";branch=",
                                                       ";branch=z9hG4bK",
                                                       ";tag=",
                                                       ";tag=a;tag=b",
                                                       ";lr;lr=on",
                                                       ";transport=tls",
                                                       ";alias",
                                                       ";ob;+sip.instance=\"<urn:uuid:0>\"",
                                                       ";q=1.00001",
                                                       ";expires=4294967296"};
    auto& value = any_header(m, random).second;
    if (random.chance(50))
        other_number(random.chance(20) ? m.start : value, random);
    else
        value += draw(random, kParams);
}

void same_header_often(PlainMessage& m, FakeRandom& random) {
    const auto header = any_header(m, random);
    const auto times = std::min<std::size_t>(many(random), 1000);
    if (random.chance(30)) {  // as one list
        auto& value = any_header(m, random).second;
        value = repeated(value + ",", times);
        return;
    }
    for (std::size_t i = 0; i < times; ++i) m.headers.push_back(header);
}

void long_value(PlainMessage& m, FakeRandom& random) {
    constexpr std::array<std::size_t, 9> kLengths{64, 255, 256, 1023, 1024, 4096, 16384, 32768, 60000};
    constexpr std::array<std::string_view, 8> kWhat{"a", "9", ".", "\\\"", "%41", "-_", "ab.", " "};
    const auto what = draw(random, kWhat);
    const auto text = repeated(what, kLengths[random.below(kLengths.size())] / what.size() + 1);
    auto& value = random.chance(15) ? m.start : any_header(m, random).second;
    put(value, text, random);
}

void folded(PlainMessage& m, FakeRandom& random) {
    constexpr std::array<std::string_view, 5> kFolds{"\r\n ", "\r\n\t", " \r\n \r\n ", "\r\n \r\n", "\r\n"};
    auto& value = any_header(m, random).second;
    for (auto n = 1 + random.below(random.chance(10) ? 500 : 3); n > 0; --n) put(value, draw(random, kFolds), random);
}

void unbalanced(PlainMessage& m, FakeRandom& random) {
    constexpr std::array<std::string_view, 12> kOpen{"\"", "<", ">",      "(",  ")", "\\",
                                                     "[",  "]", "\"\\\"", "<<", "@", ";;"};
    auto& value = random.chance(15) ? m.start : any_header(m, random).second;
    const auto what = draw(random, kOpen);
    put(value, random.chance(20) ? repeated(what, many(random)) : std::string(what), random);
}

void deep_list(PlainMessage& m, FakeRandom& random) {
    constexpr std::array<std::string_view, 8> kElements{",",   "a,",          "<sip:a>,", "\"a,b\",",
                                                        " , ", "<sip:h;lr>,", "(a,b),",   "SIP/2.0/UDP h,"};
    constexpr std::array<std::string_view, 12> kLists{
        "Contact", "Via",    "Record-Route",        "Route",       "Require", "Supported", "Allow", "Privacy",
        "Reason",  "Accept", "P-Asserted-Identity", "History-Info"};
    const std::string list = repeated(draw(random, kElements), many(random));
    if (random.chance(50))
        m.set(draw(random, kLists), list);
    else
        m.headers.emplace_back(draw(random, kLists), list);
}

void many_params(PlainMessage& m, FakeRandom& random) {
    constexpr std::array<std::string_view, 8> kParams{";a", ";a=b", ";user=phone", ";a=\"b;c\"",
                                                      ";",  ";=",   ";npdi;rn=+1", ";lr"};
    const auto text = repeated(draw(random, kParams), many(random));
    auto& value = random.chance(20) ? m.start : any_header(m, random).second;
    const auto close = value.find('>');
    if (close != std::string::npos && random.chance(50))
        value.insert(close, text);
    else
        value += text;
}

void moved(PlainMessage& m, FakeRandom& random) {
    const auto at = random.below(static_cast<std::uint32_t>(m.headers.size()));
    const auto header = m.headers[at];
    if (random.chance(60) && m.headers.size() > 1) m.headers.erase(m.headers.begin() + at);
    if (random.chance(60))
        m.headers.insert(m.headers.begin() + random.below(static_cast<std::uint32_t>(m.headers.size()) + 1), header);
}

void renamed(PlainMessage& m, FakeRandom& random) {
    constexpr std::array<std::string_view, 30> kNames{"v",
                                                      "f",
                                                      "t",
                                                      "i",
                                                      "m",
                                                      "l",
                                                      "c",
                                                      "k",
                                                      "s",
                                                      "e",
                                                      "o",
                                                      "x",
                                                      "r",
                                                      "b",
                                                      "u",
                                                      "a",
                                                      "d",
                                                      "j",
                                                      "y",
                                                      "n",
                                                      "VIA",
                                                      "fRoM",
                                                      "To ",
                                                      "Call-ID\t",
                                                      "",
                                                      ":",
                                                      "X",
                                                      "P-Asserted-Identity",
                                                      "Content-Type",
                                                      "Max-Forwards"};
    any_header(m, random).first = draw(random, kNames);
}

void other_uri(PlainMessage& m, FakeRandom& random) {
    constexpr std::array<std::string_view, 24> kUris{"sip:",
                                                     "sips:a@b",
                                                     "tel:+1",
                                                     "tel:a;phone-context=x",
                                                     "urn:service:sos",
                                                     "sip:@h",
                                                     "sip:a:b@h",
                                                     "sip:%00@h",
                                                     "sip:%zz@h",
                                                     "sip:[::1]:5060",
                                                     "sip:[fe80::1%25eth0]",
                                                     "sip:h:0",
                                                     "sip:h:65536",
                                                     "sip:h;maddr=1.2.3.4",
                                                     "sip:h?a=b&c=d",
                                                     "http://h/",
                                                     "*",
                                                     "sip:a@b@c",
                                                     "sip:999.1.1.1",
                                                     "sip:1.1.1",
                                                     "sip:a%40b@h;user=phone",
                                                     "mailto:a@b",
                                                     "sip:h;transport=udp;transport=tcp",
                                                     "sip:0.0.0.0"};
    const std::string uri(draw(random, kUris));
    if (random.chance(30)) {
        const auto space = m.start.find(' ');
        const auto last = m.start.rfind(' ');
        if (space != std::string::npos && last > space) m.start.replace(space + 1, last - space - 1, uri);
        return;
    }
    auto& value = any_header(m, random).second;
    const auto open = value.find('<');
    const auto close = value.find('>');
    if (open != std::string::npos && close != std::string::npos && close > open)
        value.replace(open + 1, close - open - 1, uri);
    else
        value = uri;
}

void other_start(PlainMessage& m, FakeRandom& random) {
    constexpr std::array<std::string_view, 16> kMethods{
        "INVITE", "ACK",     "BYE", "CANCEL",  "OPTIONS",     "PRACK",    "UPDATE",   "INFO",
        "invite", "INVITEX", "",    "SIP/2.0", "SIP/2.0 200", "\xc3\x84", "REGISTER", "ACK\t"};
    if (random.chance(20)) return other_number(m.start, random);
    const auto method = std::string(draw(random, kMethods));
    m.start.replace(0, std::min(m.start.find(' '), m.start.size()), method);
    auto* cseq = m.find("CSeq");
    if (cseq != nullptr && random.chance(70)) *cseq = cseq->substr(0, cseq->find(' ') + 1) + method;
}

// What is searched for names, shortened or judged piece by piece.
void many_pieces(PlainMessage& m, FakeRandom& random) {
    const auto n = many(random);
    std::string text;
    switch (random.below(5)) {
        case 0: m.headers.emplace_back("Privacy", repeated("a.b;", n)); return;
        case 1:
            for (std::size_t i = 0; i < n && text.size() < 16000; ++i)
                text += "h" + std::to_string(i * 7919) + ".example ";
            m.headers.emplace_back("Subject", text);
            return;
        case 2:
            for (std::size_t i = 0; i < n && text.size() < 30000; ++i)
                text += "<sip:a@host" + std::to_string(i) + ".example>,";
            m.headers.emplace_back("Contact", text);
            return;
        case 3: m.headers.emplace_back("Require", repeated("privacy,", n)); return;
        default: m.headers.emplace_back("Reason", repeated("Q.850;cause=16;text=\"a.b.c\",", n)); return;
    }
}

}  // namespace

void mutate_parts(PlainMessage& message, FakeRandom& random) {
    using Mutation = void (*)(PlainMessage&, FakeRandom&);
    constexpr std::array<Mutation, 13> kMutations{
        extreme_header, extreme_address, same_header_often, long_value, folded,      unbalanced, deep_list,
        many_params,    moved,           renamed,           other_uri,  other_start, many_pieces};
    kMutations[random.below(kMutations.size())](message, random);
}

void mutate_description(std::string& body, FakeRandom& random) {
    constexpr std::array<std::string_view, 14> kLines{"m=audio 30000 RTP/AVP 0\r\n",
                                                      "m=audio 0 RTP/AVP 0\r\n",
                                                      "m=audio 65535 RTP/AVP 0\r\n",
                                                      "a=rtpmap:0 PCMU/8000\r\n",
                                                      "a=sendonly\r\n",
                                                      "c=IN IP4 0.0.0.0\r\n",
                                                      "c=IN IP6 ::1\r\n",
                                                      "c=IN IP4 224.2.1.1/127/3\r\n",
                                                      "b=AS:99999999999\r\n",
                                                      "t=18446744073709551615 0\r\n",
                                                      "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n",
                                                      "a=fmtp:0 x=1;y=2\r\n",
                                                      "k=clear:x\r\n",
                                                      "a=rtcp:1 IN IP4 1.2.3.4\r\n"};
    switch (random.below(8)) {
        case 0: body += repeated(draw(random, kLines), many(random)); return;
        case 1: put(body, draw(random, kLines), random); return;
        case 2: {  // formats
            const auto at = body.find("RTP/AVP");
            std::string formats;
            for (std::size_t i = 0, n = many(random); i < n && formats.size() < 30000; ++i)
                formats += " " + std::to_string(i % 129);
            body.insert(at == std::string::npos ? body.size() : at + 7, formats);
            return;
        }
        case 3: other_number(body, random); return;
        case 4: {  // a line lost
            const auto at = body.find('\n', place(body, random));
            if (at != std::string::npos) body.erase(at + 1, body.find('\n', at + 1) - at);
            return;
        }
        case 5: body.resize(place(body, random)); return;
        case 6:
            for (auto n = 1 + random.below(4); n > 0; --n) {
                const auto at = body.find('\r', place(body, random));
                if (at != std::string::npos) body.erase(at, 1);
            }
            return;
        default: {
            std::string rtpmaps;
            for (std::size_t i = 0, n = many(random); i < n && rtpmaps.size() < 30000; ++i)
                rtpmaps += "a=rtpmap:" + std::to_string(i % 130) + " X/" + std::string(draw(random, kNumbers)) + "\r\n";
            body += rtpmaps;
        }
    }
}

void mutate_multipart(PlainMessage& message, FakeRandom& random) {
    auto* type = message.find("Content-Type");
    if (type == nullptr) return;
    const auto end = message.body.find("\r\n", 12);
    const std::string delimiter = message.body.substr(0, 4) == "prea" && end != std::string::npos
                                      ? message.body.substr(10, end - 10)
                                      : std::string("--b1");
    switch (random.below(4)) {
        case 0: other_number(*type, random); return;
        case 1:
            message.body += repeated("\r\n" + delimiter + "\r\nContent-Type: text/plain\r\n\r\nx", many(random));
            return;
        case 2:
            message.body += "\r\n" + delimiter + "\r\nContent-Type: multipart/mixed;boundary=b2\r\n\r\n" + message.body;
            return;
        default: message.body.resize(message.body.size() - std::min<std::size_t>(message.body.size(), 20)); return;
    }
}

void mutate_bytes(std::string& bytes, const std::string& other, FakeRandom& random) {
    if (bytes.empty()) return;
    const auto size = static_cast<std::uint32_t>(bytes.size());
    switch (random.below(10)) {
        case 0:
            for (auto n = 1 + random.below(16); n > 0; --n) {
                auto& c = bytes[random.below(size)];
                c = static_cast<char>(static_cast<unsigned char>(c) ^ 1U << random.below(8));
            }
            return;
        case 1:
            for (auto n = 1 + random.below(8); n > 0; --n)
                bytes.insert(bytes.begin() + random.below(size), static_cast<char>(random.below(256)));
            return;
        case 2: bytes.erase(random.below(size), 1 + random.below(64)); return;
        case 3: {
            const auto chunk = bytes.substr(random.below(size), 1 + random.below(400));
            put(bytes, repeated(chunk, 1 + random.below(random.chance(20) ? 100 : 3)), random);
            return;
        }
        case 4: bytes.resize(random.below(size)); return;
        case 5: put(bytes, std::string_view("\0", 1), random); return;
        case 6: {
            constexpr std::array<std::string_view, 5> kBroken{"\xc0\x80", "\xff\xfe", "\xed\xa0\x80",
                                                              "\xf8\x88\x80\x80\x80", "\xe2\x28\xa1"};
            put(bytes, draw(random, kBroken), random);
            return;
        }
        case 7: {
            const auto at = bytes.find("\r\n", random.below(size));
            constexpr std::array<std::string_view, 5> kEnds{"\n", "\r", "\r\r\n", "\n\r", "\r\n\r\n"};
            if (at != std::string::npos) bytes.replace(at, 2, draw(random, kEnds));
            return;
        }
        case 8:
            bytes = bytes.substr(0, random.below(size)) +
                    other.substr(std::min<std::size_t>(place(other, random), other.size()));
            return;
        default: bytes.insert(0, repeated(random.chance(50) ? "\r\n" : "\r\n\r\n", 1 + random.below(20))); return;
    }
}

}  // namespace sallyport::mutate
