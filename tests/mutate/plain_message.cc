#include "tests/mutate/plain_message.h"

#include <array>

namespace sallyport::mutate {

namespace {

constexpr std::array<std::string_view, 17> kMethods{"INVITE",  "INVITE",    "INVITE", "INVITE", "ACK",    "BYE",
                                                    "CANCEL",  "OPTIONS",   "INFO",   "PRACK",  "UPDATE", "REGISTER",
                                                    "MESSAGE", "SUBSCRIBE", "NOTIFY", "REFER",  "PUBLISH"};

std::string number(std::uint32_t n) { return std::to_string(n); }

PlainMessage response(const Identity& who, FakeRandom& random) {
    PlainMessage m;
    const auto status = 100 + random.below(600);
    const auto method = std::string(draw(random, kMethods));
    m.start = "SIP/2.0 " + number(status) + " Whatever";
    // Half of the time a Via of the gate's shape: an answer to something that it may have sent.
    const auto branch = random.chance(50) ? "z9hG4bK0000" + who.branch.substr(0, 24) : who.branch;
    m.headers = {{"Via", "SIP/2.0/UDP " + who.gate + ":5060;rport=5060;received=" + who.gate + ";branch=" + branch},
                 {"From", "<sip:gate@" + who.gate + ">;tag=" + std::string(kUnknownTag)},
                 {"To", "<sip:a@" + who.host + ">;tag=" + who.from_tag},
                 {"Call-ID", who.call_id},
                 {"CSeq", number(who.cseq) + " " + method},
                 {"Contact", "<sip:a@" + who.host + ":" + number(who.port) + ">"}};
    if (status < 300 && random.chance(60)) {
        m.headers.emplace_back("Content-Type", "application/sdp");
        m.body = description(who.host, random);
    }
    return m;
}

void add_multipart(PlainMessage& m, const Identity& who, FakeRandom& random) {
    const std::string boundary = random.chance(50) ? "b1" : "unique-boundary-0123456789";
    m.set("Content-Type", "multipart/" + std::string(random.chance(50) ? "mixed" : "alternative") +
                              ";boundary=" + (random.chance(50) ? "\"" + boundary + "\"" : boundary));
    m.body = "preamble\r\n--" + boundary + "\r\nContent-Type: application/sdp\r\n\r\n" + description(who.host, random) +
             "\r\n--" + boundary +
             "\r\nContent-Type: application/isup;version=itu\r\nContent-Disposition: signal;handling=optional\r\n\r\n"
             "\x01\x11\x48\r\n--" +
             boundary + "--\r\nepilogue";
}

void add_extras(PlainMessage& m, const Identity& who, FakeRandom& random) {
    const std::array<std::pair<const char*, std::string>, 25> kExtras{{
        {"User-Agent", "Mutant/1.0 (a (nested) comment)"},
        {"Supported", "100rel, timer, replaces"},
        {"Require", "100rel"},
        {"Proxy-Require", "privacy"},
        {"Privacy", "id;header;user"},
        {"P-Asserted-Identity", "\"A, B\" <sip:+4930@" + who.host + ";user=phone>, <tel:+4930>"},
        {"Diversion", "<sip:1@" + who.host + ">;reason=unconditional;counter=3;privacy=full"},
        {"History-Info", "<sip:1@" + who.host + "?Reason=SIP%3Bcause%3D302&Privacy=history>;index=1.1;rc=1"},
        {"Reason", "Q.850;cause=16;text=\"Normal, so far\", SIP;cause=200"},
        {"Record-Route", "<sip:" + who.host + ";lr>, <sip:10.0.0.1;lr>"},
        {"Route", "<sip:" + who.gate + ";lr>"},
        {"Session-Expires", "90;refresher=uas"},
        {"Min-SE", "90"},
        {"RAck", "1 " + number(who.cseq) + " INVITE"},
        {"RSeq", "1"},
        {"Replaces", who.call_id + ";to-tag=a;from-tag=b"},
        {"Refer-To", "<sip:2@" + who.host + "?Replaces=1%40x%3Bto-tag%3D2>"},
        {"Subject", "lunch at " + who.host},
        {"Session-ID", "ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000"},
        {"Authorization", "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", response=\"0\""},
        {"Event", "refer;id=1"},
        {"SIP-If-Match", "dx200xyz"},
        {"Geolocation", "<cid:a@" + who.host + ">"},
        {"Timestamp", "54.7 0.1"},
        {"X-Unknown", "anything; goes=\"here\" <and> here"},
    }};
    for (auto n = random.below(6); n > 0; --n) {
        const auto& extra = kExtras[random.below(kExtras.size())];
        m.headers.emplace_back(extra.first, extra.second);
    }
}

}  // namespace

std::string* PlainMessage::find(std::string_view name) {
    for (auto& [n, value] : headers)
        if (n == name) return &value;
    return nullptr;
}

void PlainMessage::set(std::string_view name, std::string value) {
    if (auto* there = find(name))
        *there = std::move(value);
    else
        headers.emplace_back(name, std::move(value));
}

void PlainMessage::set_length() { set("Content-Length", std::to_string(body.size())); }

std::string PlainMessage::text() const {
    std::string out = start + "\r\n";
    for (const auto& [name, value] : headers) out.append(name).append(": ").append(value).append("\r\n");
    return out.append("\r\n").append(body);
}

std::string description(const std::string& host, FakeRandom& random) {
    std::string out = "v=0\r\no=- 1 " + number(1 + random.below(3)) + " IN IP4 " + host + "\r\ns=-\r\nc=IN IP4 " +
                      host + "\r\nt=0 0\r\n";
    for (auto streams = 1 + (random.chance(20) ? random.below(3) : 0); streams > 0; --streams) {
        out += "m=audio " + number(20000 + 2 * random.below(10000)) +
               " RTP/AVP 0 8 96 101\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1;stereo=0\r\n"
               "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n";
        if (random.chance(30)) out += random.chance(50) ? "a=sendonly\r\n" : "a=inactive\r\n";
        if (random.chance(20)) out += "a=rtcp:30001 IN IP4 " + host + "\r\n";
        if (random.chance(20)) out += "a=candidate:1 1 UDP 2130706431 " + host + " 30000 typ host\r\n";
    }
    if (random.chance(20)) out += "m=video 0 RTP/AVP 31\r\n";
    return out;
}

PlainMessage valid_message(const Identity& who, FakeRandom& random) {
    if (random.chance(16)) return response(who, random);
    PlainMessage m;
    const auto method = std::string(draw(random, kMethods));
    const auto port = number(who.port);
    m.start = method + " sip:4930" + number(random.below(1000)) + "@" + who.gate + " SIP/2.0";
    m.headers = {{"Via", "SIP/2.0/UDP " + who.host + ":" + port + ";rport;branch=" + who.branch},
                 {"Max-Forwards", "70"},
                 {"From", "\"Mu \\\"tant\\\"\" <sip:100@" + who.host + ">;tag=" + who.from_tag},
                 {"To", "<sip:4930@" + who.gate + ">" + (who.to_tag.empty() ? "" : ";tag=" + who.to_tag)},
                 {"Call-ID", who.call_id},
                 {"CSeq", number(who.cseq) + " " + method},
                 {"Contact", "<sip:100@" + who.host + ":" + port + ">"}};
    add_extras(m, who, random);
    const bool offers = method == "INVITE" || method == "UPDATE" || method == "PRACK";
    if (offers && random.chance(85)) {
        m.set("Content-Type", "application/sdp");
        m.body = description(who.host, random);
        if (random.chance(15)) add_multipart(m, who, random);
    } else if (method == "MESSAGE") {
        m.set("Content-Type", "text/plain");
        m.body = "hello";
    } else if (method == "PUBLISH") {
        m.set("Event", "presence");
        m.set("Expires", number(random.below(3) * 1800));
        m.set("Content-Type", "application/pidf+xml");
        m.body = "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"pres:100@" + who.host + "\"/>\r\n";
    }
    if (random.chance(80)) m.set_length();
    return m;
}

std::string torture_message(const Identity& who, FakeRandom& random) {
    const auto host = who.host;
    const std::array<std::string, 6> kTorture{
        // wsinv: folds, compact names, white space everywhere
        "INVITE sip:vivekg@" + who.gate + ";unknownparam SIP/2.0\r\nTO :\r\n sip:vivekg@" + who.gate +
            " ;   tag    = 1918181833n\r\nfrom   : \"J Rosenberg \\\\\\\"\"       <sip:jdrosen@" + host +
            ">\r\n  ;\r\n  tag = " + who.from_tag + "\r\nMaX-fOrWaRdS: 0068\r\nCall-ID: " + who.call_id +
            "\r\nContent-Length   : 0\r\ncseq: 0009\r\n  INVITE\r\nVia  : SIP  /   2.0\r\n /UDP\r\n    " + host +
            ";branch=" + who.branch +
            "\r\ns :\r\nNewFangledHeader:   newfangled value\r\n continued newfangled value\r\n"
            "v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n SIP  /    2.0   / "
            "UDP  "
            "192.168.255.111   ; branch=\r\n z9hG4bK30239\r\nm:\"Quoted string \\\"\\\"\" <sip:jdrosen@" +
            host + "> ; newparam =\r\n      newvalue ;\r\n  secondparam ; q = 0.33\r\n\r\n",
        // intmeth
        "!interesting-Method0123456789_*+`.%indeed'~ sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,"
        "weird!*pas$wo~d_too.(doesn't-it)@" +
            who.gate + " SIP/2.0\r\nVia: SIP/2.0/UDP " + host + ";branch=" + who.branch +
            "\r\nTo: \"BEL:\\\x07 NUL:\\\x01 DEL:\\\x7f\" <sip:1_unusual.URI~(to-be!sure)&isn't+it$/"
            "crazy?,/;;*@" +
            host + ">\r\nFrom: token1~` token2'+_ token3*%!.- <sip:mundane@" + host +
            ";fromParam''~+*_!.-%=\"\xd1\x80\xd0\xb0\xd0\xb1\">;tag=" + who.from_tag + "\r\nCall-ID: " + who.call_id +
            "\r\nCSeq: 139122385 !interesting-Method0123456789_*+`.%indeed'~\r\nMax-Forwards: 255\r\n"
            "extensionHeader-!.%*+_`'~: \xef\xbb\xbf\xe5\xa4\xa7\xe5\x81\x9c\xe9\x9b\xbb\r\nContent-Length: 0\r\n\r\n",
        // escnull, and escapes in user and header names
        "REGISTER sip:" + who.gate + " SIP/2.0\r\nTo: sip:null-%00-null@" + host + "\r\nFrom: sip:null-%00-null@" +
            host + ";tag=" + who.from_tag + "\r\nMax-Forwards: 70\r\nCall-ID: " + who.call_id +
            "\r\nCSeq: 14398234 REGISTER\r\n"
            "Via: SIP/2.0/UDP " +
            host + ";branch=" + who.branch + "\r\nContact: <sip:%00@" + host + ">\r\nContact: <sip:%00%00@" + host +
            ">\r\nL:0\r\n\r\n",
        // dblreq: a second request behind the first's end
        "REGISTER sip:" + who.gate + " SIP/2.0\r\nTo: sip:j.user@" + host + "\r\nFrom: sip:j.user@" + host +
            ";tag=" + who.from_tag + "\r\nMax-Forwards: 8\r\nCall-ID: " + who.call_id + "\r\nContact: sip:j.user@" +
            host + "\r\nCSeq: 8 REGISTER\r\nVia: SIP/2.0/UDP " + host + ";branch=" + who.branch +
            "\r\nContent-Length: 0\r\n\r\n\r\nINVITE sip:joe@" + who.gate + " SIP/2.0\r\nt: sip:joe@" + host +
            "\r\nFrom: sip:caller@" + host + ";tag=141334\r\nMax-Forwards: 8\r\nCall-ID: 2\r\nContact: <sip:caller@" +
            host + ">\r\nCSeq: 8 INVITE\r\nVia: SIP/2.0/UDP " + host + ";branch=z9hG4bKkdjuw380234\r\n\r\n",
        // zeromf, cparam, regescrt mixed
        "OPTIONS sip:user@" + who.gate + " SIP/2.0\r\nTo: sip:user@" + who.gate + "\r\nFrom: <sip:caller@" + host +
            ">;tag=" + who.from_tag + "\r\nCall-ID: " + who.call_id + "\r\nCSeq: 3 OPTIONS\r\nVia: SIP/2.0/UDP " +
            host + ":5060;branch=" + who.branch + "\r\nMax-Forwards: 0\r\nContact: <sip:a@" + host +
            "?Route=%3Csip:sip.example.com%3E>;unknown;q=\"1\"\r\n\r\n",
        // no branch cookie: RFC 2543
        "INVITE sip:UserB@" + who.gate + " SIP/2.0\r\nVia: SIP/2.0/UDP " + host +
            "\r\nVia: SIP/2.0/UDP [2001:db8::9:1]\r\n"
            "From: <sip:a@" +
            host + ">\r\nTo: <sip:UserB@" + who.gate + ">\r\nCall-ID: " + who.call_id +
            "\r\nCSeq: " + number(who.cseq) + " INVITE\r\nContact: <sip:a@" + host + ">\r\n\r\n",
    };
    return kTorture[random.below(kTorture.size())];
}

}  // namespace sallyport::mutate
