// libosip2 (Debian's 5.3.0). A message is made and freed for each datagram, as its users do: it has no other way. All
// headers that are asked for are decoded by osip_message_parse; rtpmap is text to it, and is taken apart here.

#include <osipparser2/osip_message.h>
#include <osipparser2/osip_parser.h>
#include <osipparser2/sdp_message.h>

#include <cstring>

#include "tests/bench/sip_parse/contestant.h"

namespace sallyport::bench {
namespace {

template <typename Element, typename Each>
void each(const osip_list_t& list, Each visit) {
    osip_list_iterator_t at;
    for (void* element = osip_list_get_first(&list, &at); element != nullptr; element = osip_list_get_next(&at))
        visit(*static_cast<Element*>(element));
}

const char* param(osip_list_t& params, const char* name) {
    osip_generic_param_t* found = nullptr;
    // The library's own signature is without const; it only compares.
    osip_uri_param_get_byname(&params, const_cast<char*>(name), &found);
    return found != nullptr ? found->gvalue : nullptr;
}

class Osip final : public Contestant {
public:
    Osip() { parser_init(); }

    bool read(std::string_view datagram, Part part, Digest& digest) override {
        osip_message_t* message = nullptr;
        if (osip_message_init(&message) != OSIP_SUCCESS) return false;
        const bool read = osip_message_parse(message, datagram.data(), datagram.size()) == OSIP_SUCCESS &&
                          headers(*message, digest) && (part == Part::kSip || sdp(*message, digest));
        osip_message_free(message);
        return read;
    }

private:
    static void host(const osip_uri_t& uri, Digest& digest) {
        digest.c_text(uri.host);
        digest.number(c_number(uri.port));
    }

    static void address(osip_from_t& from_or_to, Digest& digest) {
        digest.c_text(from_or_to.url->username);
        host(*from_or_to.url, digest);
        digest.c_text(param(from_or_to.gen_params, "tag"));
    }

    static bool headers(const osip_message_t& message, Digest& digest) {
        if (message.from == nullptr || message.to == nullptr || message.call_id == nullptr || message.cseq == nullptr ||
            message.content_type == nullptr || message.content_length == nullptr)
            return false;
        digest.c_text(message.req_uri->username);
        host(*message.req_uri, digest);
        each<osip_via_t>(message.vias, [&](osip_via_t& via) {
            digest.c_text(via.protocol);
            digest.c_text(via.host);
            digest.number(c_number(via.port));
            digest.c_text(param(via.via_params, "branch"));
        });
        address(*message.from, digest);
        address(*message.to, digest);
        digest.c_text(message.call_id->number);  // all of it: this Call-ID has no '@'
        digest.number(c_number(message.cseq->number));
        digest.c_text(message.cseq->method);
        each<osip_contact_t>(message.contacts, [&](osip_contact_t& contact) {
            digest.c_text(contact.url->username);
            host(*contact.url, digest);
            digest.number(c_number(param(contact.gen_params, "expires")));
        });
        each<osip_route_t>(message.routes, [&](osip_route_t& route) { host(*route.url, digest); });
        each<osip_record_route_t>(message.record_routes, [&](osip_record_route_t& route) { host(*route.url, digest); });
        digest.c_text(message.content_type->type);
        digest.c_text(message.content_type->subtype);
        digest.number(c_number(message.content_length->value));
        return true;
    }

    // "8 PCMA/8000"
    static void rtpmap(const char* value, Digest& digest) {
        const char* space = std::strchr(value, ' ');
        const char* slash = space != nullptr ? std::strchr(space, '/') : nullptr;
        if (slash == nullptr) return;
        digest.number(c_number(value));
        digest.text({space + 1, slash});
        digest.number(c_number(slash + 1));
    }

    static bool sdp(const osip_message_t& message, Digest& digest) {
        osip_body_t* body = nullptr;
        if (osip_message_get_body(&message, 0, &body) < 0) return false;
        sdp_message_t* session = nullptr;
        if (sdp_message_init(&session) != OSIP_SUCCESS) return false;
        const bool parsed = sdp_message_parse(session, body->body) == OSIP_SUCCESS && session->c_connection != nullptr;
        if (parsed) {
            digest.c_text(session->c_connection->c_addr);
            each<sdp_media_t>(session->m_medias, [&](sdp_media_t& media) {
                digest.c_text(media.m_media);
                digest.number(c_number(media.m_port));
                each<char>(media.m_payloads, [&](char& format) { digest.number(c_number(&format)); });
                each<sdp_attribute_t>(media.a_attributes, [&](sdp_attribute_t& attribute) {
                    if (std::strcmp(attribute.a_att_field, "rtpmap") == 0 && attribute.a_att_value != nullptr)
                        rtpmap(attribute.a_att_value, digest);
                });
            });
        }
        sdp_message_free(session);
        return parsed;
    }
};

}  // namespace

std::unique_ptr<Contestant> make_osip() { return std::make_unique<Osip>(); }

}  // namespace sallyport::bench
