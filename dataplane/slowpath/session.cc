#include "dataplane/slowpath/session.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <limits>
#include <string_view>

#include "platform/os/fd_passing.h"

namespace sallyport::slowpath {
namespace {

constexpr std::string_view kGreeting = "sallyport 1";

}  // namespace

Session::Session(os::EventLoop& loop, flow::CommandService& service, int counters_page, uid_t control_uid)
    : loop_(loop), service_(service), counters_page_(counters_page), control_uid_(control_uid) {}

Session::~Session() {
    detach(nullptr);
    if (listener_) loop_.remove(listener_.get());
}

os::Result<void> Session::listen(const std::string& runtime_dir) {
    const auto path = runtime_dir + "/" + kSocketName;
    // Anybody on this machine may knock; who comes in is decided by the peer's user.
    os::UnixListenOptions options;
    options.mode = 0666;
    auto listener = os::listen_unix(path, os::UnixType::kSeqPacket, options);
    if (!listener) return std::unexpected(listener.error());
    listener_ = std::move(*listener);
    socket_file_ = os::SocketFile(path);
    loop_.add(listener_.get(), EPOLLIN, [this](std::uint32_t) { accept(); });
    return {};
}

void Session::accept() {
    auto connection = os::accept_unix(listener_.get());
    if (!connection || !*connection) return;
    const auto peer = os::peer_credentials(connection->get());
    const auto now = loop_.now().instant;
    const auto now_ns = static_cast<std::uint64_t>(now.time_since_epoch().count());
    if (!peer || (peer->uid != control_uid_ && peer->uid != 0) ||
        !attaches_.take(now_ns, 1'000'000'000 / kAttachesPerSecond)) {
        ++refused_;
        return;
    }
    if (auto done = attach(std::move(*connection)); !done)
        log::limited(log_limit_, now, log::Level::kError, "control plane not attached: {}", done.error());
}

os::Result<void> Session::attach(os::UniqueFd connection) {
    auto memfd = os::make_memfd("sallyport-rings", wire::kSegmentBytes);
    if (!memfd) return std::unexpected(memfd.error());
    auto memory = os::map_memory(memfd->get(), wire::kSegmentBytes, true);
    if (!memory) return std::unexpected(memory.error());
    const auto number = status_.number + 1;
    const auto places = wire::make_segment(memory->writable(), number);
    const std::array fds{memfd->get(), counters_page_};
    const auto sent = os::send_with_fds(connection.get(), std::as_bytes(std::span(kGreeting)), fds);
    if (!sent) return std::unexpected(sent.error());
    if (*sent == 0) return std::unexpected("the peer does not take the descriptors");

    detach("a new one has attached");
    attached_ = std::make_unique<Attached>(Attached{std::move(connection), std::move(*memory),
                                                    wire::RingConsumer<wire::FlowCommand>(places.commands),
                                                    wire::RingProducer<wire::FlowEvent>(places.events), std::nullopt});
    status_ = {.attached = true, .number = number, .since = loop_.now().instant};
    loop_.add(attached_->connection.get(), EPOLLIN, [this](std::uint32_t) { drain_doorbell(); });
    log::limited(log_limit_, loop_.now().instant, log::Level::kInfo, "control plane attached (session {})", number);
    return {};
}

void Session::detach(const char* why) {
    if (!attached_) return;
    if (why != nullptr)
        log::limited(log_limit_, loop_.now().instant, log::Level::kInfo, "control plane session {} ended: {}",
                     status_.number, why);
    loop_.remove(attached_->connection.get());
    attached_.reset();
    status_.attached = false;
    service_.reset();
}

void Session::drain_doorbell() {
    std::array<std::byte, 16> bytes;
    // It rings once a turn; when more wait, epoll says so again.
    const auto got = ::recv(attached_->connection.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR))) return;
    // A peer that went with unread rings in its queue resets the connection.
    detach(got == 0 || errno == ECONNRESET ? "the connection was closed" : "the connection failed");
}

bool Session::turn(std::uint64_t now_ns) {
    if (!attached_) return false;
    service_.turn(sink_);
    auto& a = *attached_;
    for (int i = 0; i < kCommandsPerTurn; ++i) {
        if (!a.pending) {
            wire::FlowCommand command;
            if (!a.commands.pop(command)) break;
            a.pending = command;
        }
        // Not now: there is no room for its answers, or its flows wait for a worker. Everything after it waits too.
        if (!service_.handle(*a.pending, now_ns, sink_)) break;
        a.pending.reset();
        ++commands_;
    }
    if (a.commands.broken() || a.events.broken()) {
        ++broken_;
        detach("its ring is broken");
        return false;
    }
    return !a.pending && a.commands.waiting() > 0;
}

void Session::ring_doorbell() {
    if (!attached_ || attached_->rung) return;
    attached_->rung = true;
    if (!attached_->events.must_wake()) return;
    // When the peer's queue is full it has unread rings already; when it is gone, epoll says so.
    static constexpr std::byte kRing{};
    [[maybe_unused]] const auto sent = ::send(attached_->connection.get(), &kRing, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

std::uint32_t Session::Sink::room() {
    return session_.attached_ ? session_.attached_->events.free() : std::numeric_limits<std::uint32_t>::max();
}

void Session::Sink::push(const wire::FlowEvent& event) {
    if (!session_.attached_) return;
    session_.attached_->events.push(event);
    session_.attached_->rung = false;
}

}  // namespace sallyport::slowpath
