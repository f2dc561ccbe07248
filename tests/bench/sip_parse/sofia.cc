// sofia-sip (Debian's 1.12.11). Each datagram gets a message with a home of its own, and the description is parsed into
// a home of its own: as nta and nua do it. msg_make takes the bytes over and decodes all headers.

#include <sofia-sip/msg.h>
#include <sofia-sip/sdp.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_protos.h>
#include <sofia-sip/su_alloc.h>

#include "tests/bench/sip_parse/contestant.h"

namespace sallyport::bench {
namespace {

class Sofia final : public Contestant {
public:
    bool read(std::string_view datagram, Part part, Digest& digest) override {
        msg_t* message = msg_make(sip_default_mclass(), 0, datagram.data(), static_cast<ssize_t>(datagram.size()));
        if (message == nullptr) return false;
        const sip_t* sip = sip_object(message);
        const bool read = sip != nullptr && sip->sip_error == nullptr && headers(*sip, digest) &&
                          (part == Part::kSip || sdp(*sip, digest));
        msg_destroy(message);
        return read;
    }

private:
    static void host(const url_t& url, Digest& digest) {
        digest.c_text(url.url_host);
        digest.number(c_number(url.url_port));
    }

    static void address(const sip_addr_t& from_or_to, Digest& digest) {
        digest.c_text(from_or_to.a_url->url_user);
        host(*from_or_to.a_url, digest);
        digest.c_text(from_or_to.a_tag);
    }

    static bool headers(const sip_t& sip, Digest& digest) {
        if (sip.sip_request == nullptr || sip.sip_from == nullptr || sip.sip_to == nullptr ||
            sip.sip_call_id == nullptr || sip.sip_cseq == nullptr || sip.sip_content_type == nullptr ||
            sip.sip_content_length == nullptr)
            return false;
        digest.c_text(sip.sip_request->rq_url->url_user);
        host(*sip.sip_request->rq_url, digest);
        for (const auto* via = sip.sip_via; via != nullptr; via = via->v_next) {
            constexpr std::string_view kProtocol = "SIP/2.0/";
            digest.c_text(via->v_protocol + kProtocol.size());
            digest.c_text(via->v_host);
            digest.number(c_number(via->v_port));
            digest.c_text(via->v_branch);
        }
        address(*sip.sip_from, digest);
        address(*sip.sip_to, digest);
        digest.c_text(sip.sip_call_id->i_id);
        digest.number(sip.sip_cseq->cs_seq);
        digest.c_text(sip.sip_cseq->cs_method_name);
        for (const auto* contact = sip.sip_contact; contact != nullptr; contact = contact->m_next) {
            digest.c_text(contact->m_url->url_user);
            host(*contact->m_url, digest);
            digest.number(c_number(contact->m_expires));
        }
        for (const auto* route = sip.sip_route; route != nullptr; route = route->r_next) host(*route->r_url, digest);
        for (const auto* route = sip.sip_record_route; route != nullptr; route = route->r_next)
            host(*route->r_url, digest);
        const auto& type = *sip.sip_content_type;
        if (type.c_subtype == nullptr) return false;
        digest.text({type.c_type, type.c_subtype - 1});
        digest.c_text(type.c_subtype);
        digest.number(sip.sip_content_length->l_length);
        return true;
    }

    static bool sdp(const sip_t& sip, Digest& digest) {
        if (sip.sip_payload == nullptr) return false;
        sdp_parser_t* parser =
            sdp_parse(nullptr, sip.sip_payload->pl_data, static_cast<issize_t>(sip.sip_payload->pl_len), 0);
        const sdp_session_t* session = sdp_session(parser);
        const bool parsed = session != nullptr && session->sdp_connection != nullptr;
        if (parsed) {
            digest.c_text(session->sdp_connection->c_address);
            for (const auto* media = session->sdp_media; media != nullptr; media = media->m_next) {
                digest.c_text(media->m_type_name);
                digest.number(media->m_port);
                // Its formats are the payload types of its rtpmaps, in the order of the m= line.
                for (const auto* map = media->m_rtpmaps; map != nullptr; map = map->rm_next) digest.number(map->rm_pt);
                for (const auto* map = media->m_rtpmaps; map != nullptr; map = map->rm_next) {
                    digest.number(map->rm_pt);
                    digest.c_text(map->rm_encoding);
                    digest.number(map->rm_rate);
                }
            }
        }
        sdp_parser_free(parser);
        return parsed;
    }
};

}  // namespace

std::unique_ptr<Contestant> make_sofia() { return std::make_unique<Sofia>(); }

}  // namespace sallyport::bench
