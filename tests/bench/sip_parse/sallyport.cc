// Ours: controlplane/sip and media/sdp. As in the product a Message is used again for the next datagram.

#include "controlplane/sip/message.h"
#include "media/sdp/sdp_parse.h"
#include "tests/bench/sip_parse/contestant.h"

namespace sallyport::bench {
namespace {

using sip::HeaderId;

class Sallyport final : public Contestant {
public:
    bool read(std::string_view datagram, Part part, Digest& digest) override {
        return message_.parse(datagram) && headers(digest) && (part == Part::kSip || sdp(digest));
    }

private:
    static void host(const sip::HostPort& host, Digest& digest) {
        digest.text(host.host);
        digest.number(host.port);
    }

    static void via(const sip::Via& via, Digest& digest) {
        digest.text(via.transport);
        host(via.sent_by, digest);
        digest.text(via.branch);
    }

    static bool address(const sip::NameAddr& from_or_to, std::string_view tag, Digest& digest) {
        const auto uri = sip::Uri::parse(from_or_to.uri);
        if (!uri) return false;
        digest.text(uri->user);
        host(uri->host, digest);
        digest.text(tag);
        return true;
    }

    bool route(HeaderId id, Digest& digest) const {
        for (const auto element : message_.values(id)) {
            const auto route = sip::parse_name_addr(element);
            if (!route) return false;
            const auto uri = sip::Uri::parse(route->uri);
            if (!uri) return false;
            host(uri->host, digest);
        }
        return true;
    }

    bool headers(Digest& digest) const {
        digest.text(message_.uri().user);
        host(message_.uri().host, digest);
        // parse() has decoded the top Via, as it has From, To and CSeq.
        via(message_.top_via(), digest);
        const auto vias = message_.values(HeaderId::kVia);
        for (auto element = ++vias.begin(); element != vias.end(); ++element) {
            const auto lower = sip::parse_via(*element);
            if (!lower) return false;
            via(*lower, digest);
        }
        if (!address(message_.from(), message_.from_tag(), digest) ||
            !address(message_.to(), message_.to_tag(), digest))
            return false;
        digest.text(message_.call_id());
        digest.number(message_.cseq().number);
        digest.text(message_.cseq().method_text);
        for (const auto element : message_.values(HeaderId::kContact)) {
            const auto contact = sip::parse_name_addr(element);
            if (!contact) return false;
            const auto uri = sip::Uri::parse(contact->uri);
            const auto expires = sip::parse_number(contact->params.value("expires"));
            if (!uri || !expires) return false;
            digest.text(uri->user);
            host(uri->host, digest);
            digest.number(*expires);
        }
        if (!route(HeaderId::kRoute, digest) || !route(HeaderId::kRecordRoute, digest)) return false;
        const auto type = sip::parse_media_type(message_.value(HeaderId::kContentType));
        const auto length = sip::parse_number(message_.value(HeaderId::kContentLength));
        if (!type || !length) return false;
        digest.text(type->type);
        digest.text(type->subtype);
        digest.number(*length);
        return true;
    }

    bool sdp(Digest& digest) const {
        const auto session = sdp::parse(message_.body());
        if (!session || !session->connection) return false;
        digest.text(session->connection->address);
        for (const auto& media : session->media) {
            digest.text(media.type);
            digest.number(media.port);
            for (const auto& format : media.formats) digest.number(sip::parse_number(format).value_or(0));
            for (const auto& map : media.rtpmaps) {
                digest.number(map.payload_type);
                digest.text(map.encoding);
                digest.number(map.clock_rate);
            }
        }
        return true;
    }

    sip::Message message_;
};

}  // namespace

std::unique_ptr<Contestant> make_sallyport() { return std::make_unique<Sallyport>(); }

}  // namespace sallyport::bench
