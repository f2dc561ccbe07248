// The torture tests of RFC 4475, as far as they concern a parser: by section, under the RFC's own names.
#include <memory>
#include <string>
#include <vector>

#include "controlplane/sip/message.h"
#include "tests/unit/controlplane/sip/sip_text.h"

#include <CppUTest/TestHarness.h>

using namespace sallyport;
using namespace sallyport::sip;
using namespace sallyport::sip::test;

TEST_GROUP(Rfc4475) {
    std::unique_ptr<Message> m = std::make_unique<Message>();
    std::string datagram;
    ParseError error;

    void accept(std::string bytes) {
        datagram = std::move(bytes);
        const auto r = m->parse(datagram);
        STRCMP_EQUAL("", r ? "" : std::string(r.error().reason).c_str());
    }
    void refuse(std::string bytes, const char* reason, unsigned status = 400) {
        datagram = std::move(bytes);
        const auto r = m->parse(datagram);
        CHECK_FALSE(r.has_value());
        error = r.error();
        STRCMP_EQUAL(reason, std::string(error.reason).c_str());
        UNSIGNED_LONGS_EQUAL(status, error.status);
    }
    void equal(std::string_view expected, std::string_view actual) {
        STRCMP_EQUAL(std::string(expected).c_str(), std::string(actual).c_str());
    }
    std::vector<NameAddr> name_addrs(HeaderId id) {
        std::vector<NameAddr> out;
        for (const auto v : m->values(id)) {
            const auto n = parse_name_addr(v);
            CHECK(n.has_value());
            out.push_back(*n);
        }
        return out;
    }
};

// --- 3.1.1 valid messages ---

TEST(Rfc4475, wsinv_ShortTortuousInvite) {
    accept(crlf("INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\n"
                "TO :\n"
                " sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n\n"
                "from   : \"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com>\n"
                "  ;\n"
                "  tag = 98asjd8\n"
                "MaX-fOrWaRdS: 0068\n"
                "Call-ID: wsinv.ndaksdj@192.0.2.1\n"
                "Content-Length   : 150\n"
                "cseq: 0009\n"
                "  INVITE\n"
                "Via  : SIP  /   2.0\n"
                " /UDP\n"
                "    192.0.2.2;branch=390skdjuw\n"
                "s :\n"
                "NewFangledHeader:   newfangled value\n"
                " continued newfangled value\n"
                "UnknownHeaderWithUnusualValue: ;;,,;;,;\n"
                "Content-Type: application/sdp\n"
                "Route:\n"
                " <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\n"
                "v:  SIP  / 2.0  / TCP     spindle.example.com   ;\n"
                "  branch  =   z9hG4bK9ikj8  ,\n"
                " SIP  /    2.0   / UDP  192.168.255.111   ; branch=\n"
                " z9hG4bK30239\n"
                "m:\"Quoted string \\\"\\\"\" <sip:jdrosen@example.com> ; newparam =\n"
                "      newvalue ;\n"
                "  secondparam ; q = 0.33\n"
                "\n") +
           std::string(150, 'v'));
    equal("1918181833n", m->to_tag());
    equal("sip:vivekg@chair-dnrc.example.com", m->to().uri);
    equal("98asjd8", m->from_tag());
    equal("\"J Rosenberg \\\\\\\"\"", m->from().display);
    UNSIGNED_LONGS_EQUAL(68, *m->max_forwards());
    UNSIGNED_LONGS_EQUAL(9, m->cseq().number);
    equal("", m->value(HeaderId::kSubject));
    equal("newfangled value continued newfangled value", unfolded(m->find("newfangledheader")->value));
    UNSIGNED_LONGS_EQUAL(150, m->body().size());

    std::vector<Via> vias;
    for (const auto v : m->values(HeaderId::kVia)) {
        const auto via = parse_via(v);
        CHECK(via.has_value());
        vias.push_back(*via);
    }
    UNSIGNED_LONGS_EQUAL(3, vias.size());
    equal("390skdjuw", vias[0].branch);
    CHECK_FALSE(vias[0].has_magic_branch());
    equal("192.0.2.2", vias[0].sent_by.host);
    equal("TCP", vias[1].transport);
    equal("spindle.example.com", vias[1].sent_by.host);
    equal("z9hG4bK9ikj8", vias[1].branch);
    equal("z9hG4bK30239", vias[2].branch);

    const auto contacts = name_addrs(HeaderId::kContact);
    UNSIGNED_LONGS_EQUAL(1, contacts.size());
    equal("newvalue", contacts[0].params.value("newparam"));
    CHECK(contacts[0].params.has("secondparam"));
    equal("0.33", contacts[0].params.value("q"));
    const auto routes = name_addrs(HeaderId::kRoute);
    CHECK(Uri::parse(routes[0].uri)->lr());
}

TEST(Rfc4475, intmeth_WideRangeOfValidCharacters) {
    using namespace std::string_literals;
    accept(
        crlf("!interesting-Method0123456789_*+`.%indeed'~ "
             "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
             "@example.com SIP/2.0\n"
             "Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~\n"
             "To: \"BEL:\\\x07 NUL:\\\0 DEL:\\\x7F\" "
             "<sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com>\n"
             "From: token1~` token2'+_ token3*%!.- <sip:mundane@example.com>"
             ";fromParam''~+*_!.-%=\"\xD1\x80\xD0\xB0\xD0\xB1\";tag=_token~1'+`*%!-.\n"
             "Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{\n"
             "CSeq: 139122385 !interesting-Method0123456789_*+`.%indeed'~\n"
             "Max-Forwards: 255\n"
             "extensionHeader-!.%*+_`'~:\xEF\xBB\xBF\xE5\xA4\xA7\n"
             "Content-Length: 0\n\n"s));
    CHECK(m->method() == Method::kOther);
    equal("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*", m->uri().user);
    equal("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)", m->uri().password);
    equal("example.com", m->uri().host.host);
    equal("_token~1'+`*%!-.", m->from_tag());
    equal("token1~` token2'+_ token3*%!.-", m->from().display);
    CHECK(m->top_via().has_magic_branch());
}

TEST(Rfc4475, esc01_PercentEscapesInUris) {
    accept(
        crlf("INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0\n"
             "To: sip:%75se%72@example.com\n"
             "From: <sip:I%20have%20spaces@example.net>;tag=938\n"
             "Max-Forwards: 87\n"
             "i: esc01.239409asdfakjkn23onasd0-3234\n"
             "CSeq: 234234 INVITE\n"
             "Via: SIP/2.0/UDP host5.example.net;branch=z9hG4bKkdjuw\n"
             "C: application/sdp\n"
             "Contact:\n"
             "  <sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31>\n"
             "Content-Length: 0\n\n"));
    equal("sips%3Auser%40example.com", m->uri().user);
    equal("sips:user@example.com", unescaped(m->uri().user));
    equal("example.net", m->uri().host.host);
    const auto to = Uri::parse(m->to().uri);
    CHECK(equivalent(*to, *Uri::parse("sip:user@example.com")));
}

TEST(Rfc4475, escnull_EscapedNullsInUris) {
    accept(
        crlf("REGISTER sip:example.com SIP/2.0\n"
             "To: sip:null-%00-null@example.com\n"
             "From: sip:null-%00-null@example.com;tag=839923423\n"
             "Max-Forwards: 70\n"
             "Call-ID: escnull.39203ndfvkjdasfkq3w4otrq0adsfdfnavd\n"
             "CSeq: 14398234 REGISTER\n"
             "Via: SIP/2.0/UDP host5.example.com;branch=z9hG4bKkdjuw\n"
             "Contact: <sip:%00@host5.example.com>\n"
             "Contact: <sip:%00%00@host5.example.com>\n"
             "L:0\n\n"));
    const auto contacts = name_addrs(HeaderId::kContact);
    UNSIGNED_LONGS_EQUAL(2, contacts.size());
    CHECK_FALSE(equivalent(*Uri::parse(contacts[0].uri), *Uri::parse(contacts[1].uri)));
    UNSIGNED_LONGS_EQUAL(11, unescaped(Uri::parse(m->to().uri)->user).size());
    equal("839923423", m->from_tag());
}

TEST(Rfc4475, esc02_PercentThatIsNoEscape) {
    accept(
        crlf("RE%47IST%45R sip:registrar.example.com SIP/2.0\n"
             "To: \"%Z%45\" <sip:resource@example.com>\n"
             "From: \"%Z%45\" <sip:resource@example.com>;tag=f232jadfj23\n"
             "Call-ID: esc02.asdfnqwo34rq23i34jrjasdcnl23nrlknsdf\n"
             "Via: SIP/2.0/TCP host.example.com;branch=z9hG4bK209%fzsnel234\n"
             "CSeq: 29344 RE%47IST%45R\n"
             "Max-Forwards: 70\n"
             "Contact: <sip:alias1@host1.example.com>\n"
             "C%6Fntact: <sip:alias2@host2.example.com>\n"
             "Contact: <sip:alias3@host3.example.com>\n"
             "l: 0\n\n"));
    CHECK(m->method() == Method::kOther);  // not REGISTER
    UNSIGNED_LONGS_EQUAL(2, name_addrs(HeaderId::kContact).size());
    equal("\"%Z%45\"", m->to().display);
}

TEST(Rfc4475, lwsdisp_NoSpaceBeforeTheAngleBracket) {
    accept(
        crlf("OPTIONS sip:user@example.com SIP/2.0\n"
             "To: sip:user@example.com\n"
             "From: caller<sip:caller@example.com>;tag=323\n"
             "Max-Forwards: 70\n"
             "Call-ID: lwsdisp.1234abcd@funky.example.com\n"
             "CSeq: 60 OPTIONS\n"
             "Via: SIP/2.0/UDP funky.example.com;branch=z9hG4bKkdjuw\n"
             "l: 0\n\n"));
    equal("caller", m->from().display);
    equal("sip:caller@example.com", m->from().uri);
}

TEST(Rfc4475, longreq_LongValues) {
    const std::string user(240, 'a');
    std::string bytes =
        "INVITE sip:user@example.com SIP/2.0\n"
        "To: \"I have a user name of " +
        std::string(150, 'x') +
        " proportion\"<sip:user@example.com:6000"
        ";unknownparam1=very" +
        std::string(100, 'l') + "value;longparam" + std::string(120, 'n') + "name=shortvalue;very" +
        std::string(120, 'p') +
        "name=value>\n"
        "F: sip:" +
        user + "@example.net;tag=12" + std::string(120, '9') + "424;unknown" + std::string(80, 'h') +
        "Name=v\n"
        "Call-ID: longreq.one" +
        std::string(200, 'r') +
        "longcallid\n"
        "CSeq: 3882340 INVITE\n"
        "Unknown-" +
        std::string(150, 'L') + "-Name: unknown-" + std::string(150, 'v') +
        "-value\n"
        "Via: SIP/2.0/TCP sip33.example.com\n";
    for (int i = 0; i < 33; ++i)
        bytes += (i % 2 ? "v: SIP/2.0/TCP sip" : "Via: SIP/2.0/TCP sip") + std::to_string(32 - i) +
                 ".example.com;branch=z9hG4bK" + std::to_string(i) + std::string(60, 'b') + "\n";
    bytes +=
        "Max-Forwards: 70\nContact: <sip:" + user + "@host5.example.net>\nContent-Type: application/sdp\nl: 4\n\nv=0\n";
    accept(crlf(bytes));
    std::size_t vias = 0;
    for (const auto v : m->values(HeaderId::kVia)) {
        CHECK(parse_via(v).has_value());
        ++vias;
    }
    UNSIGNED_LONGS_EQUAL(34, vias);
    UNSIGNED_LONGS_EQUAL(125, m->from_tag().size());
    equal("", m->top_via().branch);
}

TEST(Rfc4475, dblreq_ExtraTrailingOctets) {
    accept(
        crlf("REGISTER sip:example.com SIP/2.0\n"
             "To: sip:j.user@example.com\n"
             "From: sip:j.user@example.com;tag=43251j3j324\n"
             "Max-Forwards: 8\n"
             "I: dblreq.0ha0isndaksdj99sdfafnl3lk233412\n"
             "Contact: sip:j.user@host.example.com\n"
             "CSeq: 8 REGISTER\n"
             "Via: SIP/2.0/UDP 192.0.2.125;branch=z9hG4bKkdjuw23492\n"
             "Content-Length: 0\n\n\n"
             "INVITE sip:joe@example.com SIP/2.0\n"
             "t: sip:joe@example.com\n"
             "From: sip:caller@example.net;tag=141334\n\n"));
    CHECK(m->method() == Method::kRegister);
    equal("", m->body());
    equal("43251j3j324", m->from_tag());
}

TEST(Rfc4475, semiuri_SemicolonInUser) {
    accept(
        crlf("OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0\n"
             "To: sip:j_user@example.com\n"
             "From: sip:caller@example.org;tag=33242\n"
             "Max-Forwards: 3\n"
             "Call-ID: semiuri.0ha0isndaksdj\n"
             "CSeq: 8 OPTIONS\n"
             "Accept: application/sdp, application/pkcs7-mime,\n"
             "        multipart/mixed, multipart/signed,\n"
             "        message/sip, message/sipfrag\n"
             "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKkdjuw\n"
             "l: 0\n\n"));
    equal("user;par=u%40example.net", m->uri().user);
    equal("example.com", m->uri().host.host);
    CHECK(m->uri().params.empty());
    std::size_t accepted = 0;
    for ([[maybe_unused]] const auto v : m->values(HeaderId::kAccept)) ++accepted;
    UNSIGNED_LONGS_EQUAL(6, accepted);
}

TEST(Rfc4475, transports_VariedAndUnknownTransports) {
    accept(
        crlf("OPTIONS sip:user@example.com SIP/2.0\n"
             "To: sip:user@example.com\n"
             "From: <sip:caller@example.com>;tag=323\n"
             "Max-Forwards: 70\n"
             "Call-ID:  transports.kijh4akdnaqjkwendsasfdj\n"
             "Accept: application/sdp\n"
             "CSeq: 60 OPTIONS\n"
             "Via: SIP/2.0/UDP t1.example.com;branch=z9hG4bKkdjuw\n"
             "Via: SIP/2.0/SCTP t2.example.com;branch=z9hG4bKklasjdhf\n"
             "Via: SIP/2.0/TLS t3.example.com;branch=z9hG4bK2980unddj\n"
             "Via: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en\n"
             "Via: SIP/2.0/TCP t5.example.com;branch=z9hG4bK0a9idfnee\n"
             "l: 0\n\n"));
    std::string transports;
    for (const auto v : m->values(HeaderId::kVia)) transports += std::string(parse_via(v)->transport) + " ";
    equal("UDP SCTP TLS UNKNOWN TCP ", transports);
}

TEST(Rfc4475, mpart01_MultipartWithBinaryBody) {
    using namespace std::string_literals;
    const auto body = crlf(
                          "--7a9cbec02ceef655\nContent-Type: text/plain\n\nHello\n--7a9cbec02ceef655\n"
                          "Content-Type: application/octet-stream\n\n") +
                      "0R\x06\x09*\x86H\x86\xF7\r\x01\0\r\n\r\n"s + crlf("\n--7a9cbec02ceef655--\n");
    accept(crlf("MESSAGE sip:kumiko@example.org SIP/2.0\n"
                "Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK-d87543-4dade06d0bdb11ee-1--d87543-;rport\n"
                "Max-Forwards: 70\n"
                "Route: <sip:127.0.0.1:5080>\n"
                "Identity: r5mwreLuyDRYBi/0TiPwEsY3rEVsk/G2WxhgTV1PF7hHuL\n"
                "Contact: <sip:fluffy@127.0.0.1:5070>\n"
                "To: <sip:kumiko@example.org>\n"
                "From: <sip:fluffy@example.com>;tag=2fb0dcc9\n"
                "Call-ID: 3d9485ad0c49859b@Zmx1ZmZ5LW1hYy0xNi5sb2NhbA..\n"
                "CSeq: 1 MESSAGE\n"
                "Content-Transfer-Encoding: binary\n"
                "Content-Type: multipart/mixed;boundary=7a9cbec02ceef655\n"
                "Date: Sat, 15 Oct 2005 04:44:56 GMT\n"
                "Content-Length: " +
                std::to_string(body.size()) + "\n\n") +
           body);
    CHECK(m->body() == body);
    const auto type = parse_media_type(m->value(HeaderId::kContentType));
    CHECK(type->is("Multipart", "MIXED"));
    equal("7a9cbec02ceef655", type->params.value("boundary"));
}

TEST(Rfc4475, unreason_UnusualReasonPhrase) {
    accept(
        crlf("SIP/2.0 200 = 2**3 * 5**2 "
             "\xD0\xBD\xD0\xBE \xD1\x81\xD1\x82\xD0\xBE - \xD0\xBF\xD1\x80\xD0\xBE\xD1\x81\xD1\x82\xD0\xBE\xD0\xB5\n"
             "Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923\n"
             "Call-ID: unreason.1234ksdfak3j2erwedfsASdf\n"
             "CSeq: 35 INVITE\n"
             "From: sip:user@example.com;tag=11141343\n"
             "To: sip:user@example.edu;tag=2229\n"
             "Content-Length: 0\n\n"));
    UNSIGNED_LONGS_EQUAL(200, m->status());
    CHECK(m->reason().starts_with("= 2**3 * 5**2 "));
}

TEST(Rfc4475, noreason_EmptyReasonPhrase) {
    const std::string rest =
        "Via: SIP/2.0/UDP 192.0.2.105;branch=z9hG4bK2398ndaoe\n"
        "Call-ID: noreason.asndj203insdf99223ndf\n"
        "CSeq: 35 INVITE\n"
        "From: <sip:user@example.com>;tag=39ansfi3\n"
        "To: <sip:user@example.edu>;tag=902jndnke3\n"
        "Content-Length: 0\n\n";
    accept(crlf("SIP/2.0 100 \n" + rest));
    UNSIGNED_LONGS_EQUAL(100, m->status());
    equal("", m->reason());
    accept(crlf("SIP/2.0 100\n" + rest));  // not by the grammar, but harmless
}

// --- 3.1.2 invalid messages ---

TEST(Rfc4475, badinv01_ExtraneousSeparators) {
    refuse(crlf("INVITE sip:user@example.com SIP/2.0\n"
                "To: sip:j.user@example.com\n"
                "From: sip:caller@example.net;tag=134161461246\n"
                "Max-Forwards: 7\n"
                "Call-ID: badinv01.0ha0isndaksdjasdf3234nas\n"
                "CSeq: 8 INVITE\n"
                "Via: SIP/2.0/UDP 192.0.2.15;;,;,,\n"
                "Contact: \"Joe\" <sip:joe@example.org>;;;;\n"
                "Content-Length: 0\n\n"),
           "Malformed Via header");
    CHECK(error.answerable);  // by its sent-by
}

TEST(Rfc4475, clerr_ContentLengthLargerThanMessage) {
    refuse(crlf("INVITE sip:user@example.com SIP/2.0\n"
                "Max-Forwards: 80\n"
                "To: sip:j.user@example.com\n"
                "From: sip:caller@example.net;tag=93942939o2\n"
                "Contact: <sip:caller@hungry.example.net>\n"
                "Call-ID: clerr.0ha0isndaksdjweiafasdk3\n"
                "CSeq: 8 INVITE\n"
                "Via: SIP/2.0/UDP host5.example.com;branch=z9hG4bK-39234-23523\n"
                "Content-Type: application/sdp\n"
                "Content-Length: 9999\n\nv=0\n"),
           "Content-Length larger than body");
    CHECK(error.answerable);
}

TEST(Rfc4475, ncl_NegativeContentLength) {
    refuse(invite_with("Content-Length: 0", "Content-Length: -999"), "Malformed Content-Length header");
    CHECK(error.answerable);
}

TEST(Rfc4475, scalar02_OverlargeNumbersInRequest) {
    const std::string head =
        "REGISTER sip:example.com SIP/2.0\n"
        "Via: SIP/2.0/TCP host129.example.com;branch=z9hG4bK342sdfoi3\n"
        "To: <sip:user@example.com>\n"
        "From: <sip:user@example.com>;tag=239232jh3\n"
        "Call-ID: scalar02.23o0pd9vanlq3wnrlnewofjas9ui32\n";
    refuse(crlf(head + "CSeq: 36893488147419103232 REGISTER\nMax-Forwards: 300\nl: 0\n\n"), "Malformed CSeq number");
    CHECK(error.answerable);
    refuse(crlf(head + "CSeq: 1 REGISTER\nMax-Forwards: 300\nl: 0\n\n"), "Malformed Max-Forwards header");
    accept(crlf(head + "CSeq: 1 REGISTER\nExpires: 10000000000000000000\nl: 0\n\n"));
    CHECK_FALSE(parse_delta_seconds(m->value(HeaderId::kExpires)).has_value());
}

TEST(Rfc4475, scalarlg_OverlargeNumbersInResponse) {
    refuse(crlf("SIP/2.0 503 Service Unavailable\n"
                "Via: SIP/2.0/TCP host129.example.com;branch=z9hG4bKzzxdiwo34sw;received=192.0.2.129\n"
                "To: <sip:user@example.com>\n"
                "From: <sip:other@example.net>;tag=2easdjfejw\n"
                "CSeq: 9292394834772304023312 OPTIONS\n"
                "Call-ID: scalarlg.noase0of0234hn2qofoaf0232aewf2394r\n"
                "Retry-After: 949302838503028349304023988\n"
                "Warning: 1812 overture \"In Progress\"\n"
                "Content-Length: 0\n\n"),
           "Malformed CSeq number");
    CHECK_FALSE(error.answerable);
}

TEST(Rfc4475, quotbal_UnterminatedQuote) {
    refuse(invite_with("To: <sip:bob@192.0.2.1>", "To: \"Mr. J. User <sip:j.user@example.com>"), "Malformed To header");
    CHECK(error.answerable);
}

TEST(Rfc4475, ltgtruri_BracketsAroundRequestUri) {
    refuse(invite_with("INVITE sip:bob@192.0.2.1", "INVITE <sip:user@example.com>"), "Malformed Request-URI");
    CHECK(error.answerable);
}

TEST(Rfc4475, lwsruri_SpaceInRequestUri) {
    refuse(invite_with("INVITE sip:bob@192.0.2.1", "INVITE sip:user@example.com; lr"), "Malformed Request-URI");
    CHECK(error.answerable);
}

TEST(Rfc4475, lwsstart_SeveralSpacesInStartLine) {
    refuse(invite_with("INVITE sip:bob@192.0.2.1 SIP/2.0", "INVITE  sip:user@example.com  SIP/2.0"),
           "Malformed Request-URI");
    CHECK(error.answerable);
}

TEST(Rfc4475, trws_TrailingSpaceInStartLine) {
    refuse(invite_with(" SIP/2.0\n", " SIP/2.0  \n"), "Malformed request line");
    CHECK(error.answerable);
}

TEST(Rfc4475, escruri_HeadersInRequestUri) {
    // A 400 or a silent pass: the headers are kept apart, and append_rewritten leaves them out.
    accept(invite_with("INVITE sip:bob@192.0.2.1", "INVITE sip:user@example.com?Route=%3Csip:example.com%3E"));
    equal("Route=%3Csip:example.com%3E", m->uri().headers);
    std::string out;
    append_rewritten(out, m->uri(), {.host = "h", .drop_params = {}});
    equal("sip:user@h", out);
}

TEST(Rfc4475, baddate_DateThatIsNotGmt) {
    accept(invite_with("Contact:", "Date: Fri, 01 Jan 2010 16:00:00 EST\nContact:"));
}

TEST(Rfc4475, regbadct_ContactNeedsBrackets) {
    accept(invite_with("Contact: <sip:alice@192.0.2.10:5060>",
                       "Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E"));
    CHECK_FALSE(parse_name_addr(m->value(HeaderId::kContact)).has_value());
}

TEST(Rfc4475, badaspec_SpacesWithinAddrSpec) {
    refuse(invite_with("To: <sip:bob@192.0.2.1>", "To: \"Watson, Thomas\" < sip:t.watson@example.org >"),
           "Malformed To header");
}

TEST(Rfc4475, baddn_UnquotedDisplayNameWithComma) {
    refuse(invite_with("From: \"Alice\" <sip:alice@192.0.2.10>", "From: Bell, Alexander <sip:a.g.bell@example.com>"),
           "Malformed From header");
}

TEST(Rfc4475, badvers_UnknownProtocolVersion) {
    refuse(invite_with(" SIP/2.0\n", " SIP/7.0\n"), "Version Not Supported", 505);
    CHECK(error.answerable);
}

TEST(Rfc4475, mismatch01_StartLineAndCSeqMethodDiffer) {
    refuse(invite_with("CSeq: 314159 INVITE", "CSeq: 8 OPTIONS"), "CSeq method does not match the request");
    CHECK(error.answerable);
}

TEST(Rfc4475, mismatch02_UnknownMethodWithCSeqMismatch) {
    refuse(invite_with("INVITE sip:bob", "NEWMETHOD sip:bob"), "CSeq method does not match the request");
    CHECK(error.answerable);
}

TEST(Rfc4475, bigcode_OverlargeResponseCode) {
    const std::string rest =
        "Via: SIP/2.0/UDP 192.0.2.105;branch=z9hG4bK2398ndaoe\n"
        "Call-ID: bigcode.asdof3uj203asdnf3429uasdhfas3ehjasdfas9i\n"
        "CSeq: 353494 INVITE\nFrom: <sip:user@example.com>;tag=39ansfi3\n"
        "To: <sip:user@example.edu>;tag=902jndnke3\nContent-Length: 0\n\n";
    refuse(crlf("SIP/2.0 4294967301 better not break the receiver\n" + rest), "Malformed status line");
    CHECK_FALSE(error.answerable);
    refuse(crlf("SIP/2.0 099 too small\n" + rest), "Malformed status code");
    refuse(crlf("SIP/2.0 700 too large\n" + rest), "Malformed status code");
    refuse(crlf("SIP/2.0 2x0 no number\n" + rest), "Malformed status code");
}

// --- 3.2 and 3.3: what the layers above must be able to see ---

TEST(Rfc4475, badbranch_CookieAlone) {
    accept(invite_with("branch=z9hG4bK776asdhds", "branch=z9hG4bK"));
    CHECK_FALSE(m->top_via().has_magic_branch());
}

TEST(Rfc4475, insuf_MissingRequiredHeaders) {
    refuse(crlf("INVITE sip:user@example.com SIP/2.0\n"
                "CSeq: 193942 INVITE\n"
                "Via: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj.insuf\n"
                "Content-Type: application/sdp\n"
                "l: 0\n\n"),
           "Missing From header");
    CHECK(error.answerable);
}

TEST(Rfc4475, unkscm_UnknownSchemeInRequestUri) {
    accept(invite_with("INVITE sip:bob@192.0.2.1", "INVITE nobodyKnowsThisScheme:totallyopaquecontent"));
    CHECK(m->uri().scheme == UriScheme::kOther);
    equal("nobodyKnowsThisScheme", m->uri().scheme_text);
}

TEST(Rfc4475, novelsc_AtypicalSchemeInRequestUri) {
    accept(invite_with("INVITE sip:bob@192.0.2.1", "INVITE soap.beep://192.0.2.103:3002"));
    CHECK(m->uri().scheme == UriScheme::kOther);
}

TEST(Rfc4475, unksm2_UnknownSchemesInHeaders) {
    accept(invite_with("To: <sip:bob@192.0.2.1>", "To: isbn:2983792873"));
    CHECK(Uri::parse(m->to().uri)->scheme == UriScheme::kOther);
}

TEST(Rfc4475, multi01_MultipleValuesInSingleValueFields) {
    refuse(crlf("INVITE sip:user@company.com SIP/2.0\n"
                "Contact: <sip:caller@host25.example.net>\n"
                "Via: SIP/2.0/UDP 192.0.2.25;branch=z9hG4bKkdjuw\n"
                "Max-Forwards: 70\nCSeq: 5 INVITE\nCall-ID: multi01.98asdh@192.0.2.1\n"
                "CSeq: 59 INVITE\nCall-ID: multi01.98asdh@192.0.2.2\n"
                "From: sip:caller@example.com;tag=3413415\nTo: sip:user@example.com\nTo: sip:other@example.net\n"
                "From: sip:caller@example.net;tag=2923420123\nContent-Type: application/sdp\nl: 0\n"
                "Contact: <sip:caller@host36.example.net>\nMax-Forwards: 5\n\n"),
           "Duplicate From header");
    CHECK(error.answerable);
}

TEST(Rfc4475, mcl01_SeveralContentLengths) {
    refuse(invite_with("Content-Length: 0", "Content-Length: 13\nContent-Length: 5"),
           "Duplicate Content-Length header");
}

TEST(Rfc4475, zeromf_MaxForwardsZero) {
    accept(invite_with("Max-Forwards: 70", "Max-Forwards: 0"));
    UNSIGNED_LONGS_EQUAL(0, *m->max_forwards());
}

TEST(Rfc4475, cparam01_ContactWithoutBracketsTakesTheParameter) {
    accept(
        invite_with("Contact: <sip:alice@192.0.2.10:5060>", "Contact: sip:+19725552222@gw1.example.net;unknownparam"));
    const auto contacts = name_addrs(HeaderId::kContact);
    equal("sip:+19725552222@gw1.example.net", contacts[0].uri);
    CHECK(contacts[0].params.has("unknownparam"));
}

TEST(Rfc4475, cparam02_ContactWithBracketsKeepsItInTheUri) {
    accept(invite_with("Contact: <sip:alice@192.0.2.10:5060>",
                       "Contact: <sip:+19725552222@gw1.example.net;unknownparam>"));
    const auto contacts = name_addrs(HeaderId::kContact);
    CHECK(contacts[0].params.empty());
    CHECK(Uri::parse(contacts[0].uri)->params.has("unknownparam"));
}

TEST(Rfc4475, inv2543_RequestOfRfc2543) {
    accept(
        crlf("INVITE sip:UserB@example.com SIP/2.0\n"
             "Via: SIP/2.0/UDP iftgw.example.com\n"
             "From: <sip:+13035551111@ift.client.example.net;user=phone>\n"
             "Record-Route: <sip:UserB@example.com;maddr=ss1.example.com>\n"
             "To: sip:+16505552222@ss1.example.net;user=phone\n"
             "Call-ID: inv2543.1717@ift.client.example.com\n"
             "CSeq: 56 INVITE\n"
             "Content-Type: application/sdp\n\n"
             "v=0\n"));
    equal("", m->from_tag());
    equal("", m->top_via().branch);
    equal("v=0\r\n", m->body());
    equal("phone", m->to().params.value("user"));
}
