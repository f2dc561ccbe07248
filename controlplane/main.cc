// sallyport-control: wires the signalling engine to its sockets, the dataplane, the store and the manager.
//
// A turn of the event loop takes datagrams and flow events into the engine; the hook at its end fires timers
// and carries the outbox out, in the order that controlplane/call/outbox.h asks for. Nothing here blocks: files
// are written by the store's thread, and there is no DNS.

#include <getopt.h>
#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/call/engine.h"
#include "controlplane/call/intake.h"
#include "controlplane/call/outbox.h"
#include "controlplane/net/dataplane_session.h"
#include "controlplane/net/pace.h"
#include "controlplane/net/stream_transport.h"
#include "controlplane/net/stun_keepalive.h"
#include "controlplane/net/udp_transport.h"
#include "controlplane/ops/certificates.h"
#include "controlplane/ops/status.h"
#include "controlplane/store/call_store.h"
#include "platform/base/version.h"
#include "platform/config/views.h"
#include "platform/os/clock.h"
#include "platform/os/event_loop.h"
#include "platform/os/files.h"
#include "platform/os/log.h"
#include "platform/os/random.h"
#include "platform/os/signals.h"
#include "platform/rpc/manager_link.h"

namespace {

using namespace sallyport;
using namespace std::chrono_literals;

struct Arguments {
    std::string runtime_dir = "/run/sallyport";
    std::string state_dir = "/var/lib/sallyport";
};

// How long new datagrams wait at the start for the dataplane's first session: an INVITE before it would get 503.
constexpr Duration kWaitForDataplane = 1s;
constexpr std::uint8_t kShard = 0;
constexpr Duration kMaterialTime = 3s;

// Everything that exists once the manager has given the view.
class Control {
public:
    Control(os::EventLoop& loop, const Arguments& arguments, config::ControlView view,
            std::unique_ptr<store::CallStore> store, ops::Certificates::Fetch fetch_certificates)
        : loop_(loop),
          view_(std::move(view)),
          store_(std::move(store)),
          engine_(view_, random_, kShard, outbox_, loop.refresh()),
          intake_({.deal =
                       [this](Now now, const transaction::Path& from, std::string_view datagram) {
                           costs_.datagram.begin();
                           engine_.on_message(now, from, std::as_bytes(std::span(datagram)));
                           costs_.datagram.end();
                       },
                   .refuse =
                       [this](Now now, const transaction::Path& from, std::string_view datagram) {
                           costs_.datagram.begin();
                           engine_.on_surplus_invite(now, from, std::as_bytes(std::span(datagram)));
                           costs_.datagram.end();
                       }}),
          stun_([this](const transaction::Path& from) { return engine_.admits(from); }),
          transport_(
              loop,
              {.on_datagram =
                   [this](std::uint16_t sip_interface, const Endpoint& source, Instant arrived,
                          std::span<const std::byte> datagram) {
                       if (stun_.take(loop_.now().instant, {sip_interface, source}, datagram, outbox_.sends)) return;
                       intake_.on_datagram(loop_.now(), {sip_interface, source}, arrived,
                                           {reinterpret_cast<const char*>(datagram.data()), datagram.size()});
                   },
               .on_unreachable = [this](const transaction::Path& to) { engine_.on_unreachable(loop_.now(), to); },
               .on_send_error =
                   [this](const transaction::SendQueue::Entry& entry) { engine_.on_send_error(loop_.now(), entry); }}),
          streams_(loop,
                   {.on_message =
                        [this](const transaction::Path& from, std::span<const std::byte> message) {
                            intake_.on_datagram(loop_.now(), from, loop_.now().instant,
                                                {reinterpret_cast<const char*>(message.data()), message.size()});
                        },
                    .on_unframed =
                        [this](const transaction::Path& from, const sip::Frame& last) {
                            engine_.on_unframed(loop_.now(), from, std::as_bytes(std::span(last.bytes)),
                                                {.status = last.status, .reason = last.reason});
                        },
                    .admits = [this](const transaction::Path& from) { return engine_.admits(from); },
                    .peer = [this](const transaction::Path& path) { return peer_at(path); },
                    .on_stream = [this](const transaction::SendQueue::Entry& entry,
                                        std::uint32_t connection) { engine_.on_stream(entry, connection); }},
                   view_.connections),
          certificates_(view_, std::move(fetch_certificates),
                        [this](std::size_t profile, std::shared_ptr<const net::TlsContext> context) {
                            streams_.set_tls(profile, std::move(context));
                        }),
          session_(loop, arguments.runtime_dir + "/dataplane.sock",
                   // The engine is told at the end of the turn: a session may end while the outbox is carried out.
                   {.on_up = [this] { session_changes_.push_back(true); },
                    .on_down = [this] { session_changes_.push_back(false); },
                    .on_event = [this](const wire::FlowEvent& event) { engine_.on_flow_event(loop_.now(), event); }}) {}

    os::Result<void> start() {
        if (auto opened = transport_.open(view_.sip_interfaces); !opened) return opened;
        if (auto opened = streams_.open(view_.sip_interfaces); !opened) return opened;
        take_over();
        loop_.timers().arm<&Control::start_sockets>(socket_start_, loop_.now().instant + kWaitForDataplane, this);
        loop_.before_wait([this](const Now& now) { return end_of_turn(now); });
        session_.start();
        return {};
    }

    void reopen_records() { store_->reopen_records(); }

    void load_certificates(std::function<void(json::Value)> done) {
        certificates_.load([this] { return loop_.now(); }, std::move(done));
    }

    void answer(rpc::Call call) {
        const ops::Sight sight{view_, engine_, session_.page(), loop_.now()};
        if (call.method() == "show-calls") return call.reply(ops::calls(sight));
        if (call.method() == "show-trunks") return call.reply(ops::trunks(sight));
        if (call.method() == "show-certificates") return call.reply(certificates_.show(loop_.now()));
        if (call.method() == "reload-certificates") {
            auto waiting = std::make_shared<rpc::Call>(std::move(call));
            return load_certificates([waiting](json::Value shown) { waiting->reply(std::move(shown)); });
        }
        if (call.method() == "show-counters")
            return call.reply(
                ops::counters({engine_, intake_, transport_, stun_, streams_, certificates_, session_, *store_, costs_},
                              loop_.now()));
        if (call.method() != "show-call")
            return call.fail({rpc::kMethodNotFound, "the control plane knows no " + call.method(), {}});
        const json::Value& id = call.params()["id"];
        if (!id.isString()) return call.fail({rpc::kInvalidParams, "show-call needs an id", {}});
        if (auto found = ops::call(sight, id.asString())) return call.reply(std::move(*found));
        call.fail({rpc::kNotFound, "there is no such call", {}});
    }

private:
    // The calls that the last process left.
    void take_over() {
        std::size_t going_on = 0;
        std::size_t interrupted = 0;
        std::size_t refused = 0;
        for (const auto& [number, exported] : store_->take_left()) {
            const auto taken = engine_.import_call(loop_.now(), exported);
            if (taken) {
                ++(*taken ? going_on : interrupted);
                continue;
            }
            ++refused;
            const auto& [why, recorded] = taken.error();
            log::warning("call {} of the last process cannot be taken over: {}; {}", call::text_of(number), why,
                         recorded ? "its record goes out" : "nothing of it can be read, and it leaves no record");
            if (!recorded) store_->give_up(number);
        }
        if (going_on + interrupted + refused > 0)
            log::info("taken over {} calls; {} are over, {} refused", going_on, interrupted, refused);
    }

    // Of a trunk's peers what its configuration says, of others nothing but that somebody vouches for them.
    net::StreamTransport::Peer peer_at(const transaction::Path& path) const {
        const auto index = engine_.trunk_at(path);
        if (!index) return {};
        const config::Trunk& trunk = view_.trunks[*index];
        return {.listed = std::ranges::find(trunk.peers, path.remote) != trunk.peers.end(),
                .verify = trunk.tls.verify,
                .name = trunk.tls.name,
                .wildcards = trunk.tls.wildcards,
                .keep_alive = trunk.keep_alive};
    }

    void start_sockets(Instant) {
        socket_start_.cancel();
        transport_.start();
        streams_.start();
    }

    Instant end_of_turn(const Now& now) {
        costs_.datagram.end_turn();
        costs_.turn_end.end_turn();
        costs_.turn_end.begin();
        const auto deadline = finish_turn(now);
        costs_.turn_end.end();
        return deadline;
    }

    Instant finish_turn(const Now& now) {
        tell_session_changes(now);
        session_.drain();
        const bool unread = streams_.read_more();
        engine_.advance(now);
        transport_.receive_invites(intake_.wanted());
        const bool invites_wait = intake_.serve(now);
        tell_overload(now);
        // What the kernel refuses, or a session that ends, gives the engine more to say: at most as often as there
        // are peers to try, and the rest comes in the next turn.
        constexpr int kRounds = 8;
        bool more = true;
        for (int round = 0; round < kRounds && more; ++round) more = carry_out(now);
        store_->poll();
        certificates_.look(now);
        const auto next_turn =
            pace_.next_turn(now.instant, transport_.counters().received + streams_.counters().received);
        const bool at_once = more || unread || invites_wait || !session_changes_.empty();
        session_.expect_turn(at_once || next_turn > now.instant);
        if (at_once) return now.instant;
        loop_.rest_until(next_turn);
        return std::min(engine_.next_deadline(), session_.next_poll(now.instant));
    }

    // One line when it begins, one when it is over.
    void tell_overload(const Now& now) {
        if (intake_.overload().on() == overload_since_.has_value()) return;
        if (!overload_since_) {
            overload_since_ = now.instant;
            refused_before_ = intake_.counters().refused;
            return log::warning("overload: more new calls come than can be set up; those too many get 503");
        }
        log::warning("overload is over after {} ms; {} INVITEs got 503",
                     std::chrono::duration_cast<std::chrono::milliseconds>(now.instant - *overload_since_).count(),
                     intake_.counters().refused - refused_before_);
        overload_since_.reset();
    }

    void tell_session_changes(const Now& now) {
        for (const bool up : std::exchange(session_changes_, {})) {
            engine_.on_dataplane_session(now, up);
            if (up) start_sockets(now.instant);
        }
    }

    void tell_losses(const Now& now) {
        const auto losses = streams_.take_losses();
        for (const auto& entry : losses.failed) engine_.on_send_error(now, entry);
        for (const auto& path : losses.gone) engine_.on_unreachable(now, path);
    }

    // True when there may be more.
    bool carry_out(const Now& now) {
        tell_losses(now);
        engine_.flush(now);
        if (outbox_.empty()) {
            streams_.flush();
            return streams_.has_losses();
        }
        for (const call::Alias& alias : outbox_.aliases) streams_.alias(alias.from, alias.port);
        for (const call::CallSave& save : outbox_.saves) store_->save(save.call, outbox_.bytes(save));
        session_.push(outbox_.flow_commands);
        auto refused = transport_.send(outbox_.sends);
        const auto refused_streams = streams_.send(outbox_.sends);
        refused.insert(refused.end(), refused_streams.begin(), refused_streams.end());
        for (const call::CallRecord& record : outbox_.records) store_->record(record.number, call::json_line(record));
        outbox_.clear();
        for (const auto& entry : refused) engine_.on_send_error(now, entry);
        tell_session_changes(now);
        return true;
    }

    os::EventLoop& loop_;
    const config::ControlView view_;
    std::unique_ptr<store::CallStore> store_;
    os::KernelRandom random_;
    ops::Costs costs_{{.monotonic = os::monotonic_now, .cpu = os::thread_cpu}};
    call::Outbox outbox_;
    call::Engine engine_;
    call::Intake intake_;
    net::StunKeepAlive stun_;
    net::UdpTransport transport_;
    net::StreamTransport streams_;
    ops::Certificates certificates_;
    net::DataplaneSession session_;
    net::Pace pace_;
    std::vector<bool> session_changes_;
    std::optional<Instant> overload_since_;
    std::uint64_t refused_before_ = 0;
    Timer socket_start_;
};

Arguments parse(int argc, char** argv) {
    static const option kOptions[] = {{"runtime-dir", required_argument, nullptr, 'r'},
                                      {"state-dir", required_argument, nullptr, 's'},
                                      {"version", no_argument, nullptr, 'V'},
                                      {"help", no_argument, nullptr, 'h'},
                                      {}};
    Arguments out;
    for (int c = 0; (c = ::getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
        switch (c) {
            case 'r': out.runtime_dir = optarg; break;
            case 's': out.state_dir = optarg; break;
            case 'V': std::printf("sallyport-control %s\n", kVersionText); std::exit(EXIT_SUCCESS);
            case 'h':
                std::puts(
                    "usage: sallyport-control [--runtime-dir DIR] [--state-dir DIR]\n"
                    "The signalling process; sallyport-manager starts it.");
                std::exit(EXIT_SUCCESS);
            default: std::exit(EXIT_FAILURE);
        }
    }
    return out;
}

// One line, and the process ends: the manager starts it anew.
[[noreturn]] void give_up(const std::string& why) {
    log::error("{}", why);
    std::exit(EXIT_FAILURE);
}

std::unique_ptr<Control> make_control(os::EventLoop& loop, const Arguments& arguments, const json::Value& json_view,
                                      ops::Certificates::Fetch fetch_certificates) {
    auto view = config::control_view_from_json(json_view);
    if (!view) give_up("the manager's " + view.error());
    const auto wanted = view->connections.descriptors();
    if (const auto given = os::raise_descriptor_limit(wanted); given < wanted)
        log::warning("the system gives {} descriptors where {} are wanted: fewer connections will fit", given, wanted);
    auto store = store::CallStore::open({.table_path = arguments.runtime_dir + "/control/calls.state",
                                         .records_path = arguments.state_dir + "/records/calls.jsonl",
                                         .max_calls = view->system.max_calls},
                                        [&loop] { loop.wake(); });
    if (!store) give_up(store.error());
    auto control =
        std::make_unique<Control>(loop, arguments, std::move(*view), std::move(*store), std::move(fetch_certificates));
    if (auto started = control->start(); !started) give_up(started.error());
    return control;
}

}  // namespace

int main(int argc, char** argv) {
    const Arguments arguments = parse(argc, argv);
    log::start("sallyport-control");
    os::block_signals({SIGTERM, SIGINT, SIGHUP});
    os::EventLoop loop;
    std::unique_ptr<Control> control;
    auto signals = os::Signals::make(loop, {SIGTERM, SIGINT, SIGHUP}, [&](int signal) {
        if (signal != SIGHUP) return loop.stop();  // live calls stay in the table; the next process takes them over
        if (control) control->reopen_records();
    });
    if (!signals) give_up(signals.error());
    rpc::ManagerLink* manager = nullptr;
    rpc::ManagerLink link(
        loop, {.runtime_dir = arguments.runtime_dir, .role = "control", .version = kVersionText},
        {.on_view =
             [&](const json::Value& view, const std::vector<os::UniqueFd>&) {
                 control = make_control(loop, arguments, view, [&manager](json::Value params, rpc::Done done) {
                     manager->call("tls-material", std::move(params), kMaterialTime, std::move(done));
                 });
                 log::info("serving");
             },
         // Also after the manager's restart: its files may be others.
         .on_connected = [&] { control->load_certificates([](const json::Value&) {}); },
         .on_call =
             [&](rpc::Call call) {
                 if (control) return control->answer(std::move(call));
                 call.fail({rpc::kRefused, "the control plane is starting", {}});
             },
         .on_refused =
             [&](const std::string& reason) {
                 // A changed configuration, for one: the manager starts the process that fits.
                 log::info("the manager wants another process: {}", reason);
                 loop.stop();
             }});
    manager = &link;
    link.start();
    loop.run();
    control.reset();  // writes and syncs the records that are queued
    log::info("stopped");
    return EXIT_SUCCESS;
}
