#include "controlplane/net/dataplane_session.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include "platform/os/fd_passing.h"
#include "platform/os/log.h"
#include "platform/os/unix_socket.h"

namespace sallyport::net {

using namespace std::chrono_literals;

namespace {

constexpr Duration kFirstPause = 10ms;
constexpr Duration kLongestPause = 500ms;
constexpr Duration kHandOverLimit = 2s;
constexpr Duration kPollBusy = 5ms;
constexpr Duration kPollIdle = 50ms;
constexpr std::size_t kMaxPageBytes = std::size_t{512} << 20;

bool is_answered(wire::CommandType type) {
    return type == wire::CommandType::kCommit || type == wire::CommandType::kList || type == wire::CommandType::kQuery;
}

bool is_answer(wire::EventType type) {
    return type == wire::EventType::kCommitted || type == wire::EventType::kRejected ||
           type == wire::EventType::kListEnd || type == wire::EventType::kCounters;
}

}  // namespace

DataplaneSession::DataplaneSession(os::EventLoop& loop, std::string socket_path, Handlers handlers)
    : loop_(loop), path_(std::move(socket_path)), handlers_(std::move(handlers)), pause_(kFirstPause) {}

DataplaneSession::~DataplaneSession() {
    if (socket_) loop_.remove(socket_.get());
}

void DataplaneSession::start() { connect(loop_.now().instant); }

void DataplaneSession::connect(Instant now) {
    auto socket = os::connect_unix(path_, os::UnixType::kSeqPacket);
    if (!socket) {
        end(socket.error());
        return;
    }
    socket_ = std::move(*socket);
    loop_.add(socket_.get(), EPOLLIN, [this](std::uint32_t) { on_ready(); });
    loop_.timers().arm(timer_, now + kHandOverLimit, this, [](void* self, Instant) {
        static_cast<DataplaneSession*>(self)->end("the dataplane has not handed over its memory in time");
    });
}

void DataplaneSession::end(const std::string& why) {
    if (socket_) loop_.remove(socket_.get());
    socket_.reset();
    const bool was_up = rings_.has_value();
    rings_.reset();
    waiting_.clear();
    outstanding_ = 0;
    looks_ = false;
    if (was_up || !said_why_) log::warning("dataplane session: {}; trying again", why);
    said_why_ = true;
    if (was_up) pause_ = kFirstPause;
    loop_.timers().arm<&DataplaneSession::connect>(timer_, loop_.now().instant + pause_, this);
    pause_ = std::min<Duration>(pause_ * 2, kLongestPause);
    if (was_up) handlers_.on_down();
}

void DataplaneSession::on_ready() {
    if (!rings_) {
        if (!take_hand_over()) return;
        timer_.cancel();
        pause_ = kFirstPause;
        said_why_ = false;
        ++counters_.sessions;
        log::info("dataplane session {} begun", counters_.sessions);
        handlers_.on_up();
        return;
    }
    if (!read_doorbells()) {
        drain();  // what it said before it went
        if (rings_) end("the dataplane has ended the session");
        return;
    }
    drain();
}

bool DataplaneSession::take_hand_over() {
    std::array<std::byte, 64> text{};
    auto received = os::receive_with_fds(socket_.get(), text, 2);
    if (received && received->would_block) return false;
    if (!received || received->closed) {
        end(received ? "the dataplane has closed the connection" : received.error());
        return false;
    }
    struct stat st{};
    if (received->fds.size() != 2 || ::fstat(received->fds[1].get(), &st) != 0 || st.st_size <= 0 ||
        static_cast<std::size_t>(st.st_size) > kMaxPageBytes) {
        end("the dataplane handed over something else than a segment and a counters page");
        return false;
    }
    auto segment = os::map_received(received->fds[0].get(), wire::kSegmentBytes, true);
    auto page = os::map_received(received->fds[1].get(), static_cast<std::size_t>(st.st_size), false);
    if (!segment || !page) {
        end(segment ? page.error() : segment.error());
        return false;
    }
    auto places = wire::attach_segment(segment->writable());
    if (!places) {
        end(places.error());
        return false;
    }
    auto reader = wire::CountersReader::attach(page->bytes());
    if (!reader) {
        end(reader.error());
        return false;
    }
    rings_.emplace(Rings{std::move(*segment), std::move(*page), wire::RingProducer<wire::FlowCommand>(places->commands),
                         wire::RingConsumer<wire::FlowEvent>(places->events), *reader});
    return true;
}

// False: the other side has closed.
bool DataplaneSession::read_doorbells() {
    std::array<std::byte, 64> bytes;
    for (int i = 0; i < 64; ++i) {
        const ssize_t n = ::recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
        if (n == 0) return false;
        if (n < 0) return errno == EAGAIN || errno == EINTR;
    }
    return true;  // more wait: epoll says so again
}

void DataplaneSession::ring() {
    const std::byte bell{};
    // EAGAIN: rings of ours are unread, which wakes it as well. A closed session is seen by epoll.
    [[maybe_unused]] const ssize_t n = ::send(socket_.get(), &bell, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void DataplaneSession::push(std::span<const wire::FlowCommand> commands) {
    if (commands.empty()) return;
    if (!rings_) {
        counters_.dropped += commands.size();
        return;
    }
    for (const wire::FlowCommand& c : commands) {
        if (is_answered(c.type)) ++outstanding_;
        if (waiting_.empty() && rings_->commands.push(c)) {
            ++counters_.commands;
            continue;
        }
        if (waiting_.size() >= kMaxWaiting) {
            ++counters_.overflows;
            end("too many commands wait");
            return;
        }
        ++counters_.commands_waited;
        waiting_.push_back(c);
    }
    ring();
    if (rings_->commands.broken()) {
        ++counters_.broken;
        end("the command ring is broken");
    }
}

void DataplaneSession::flush_waiting() {
    if (waiting_.empty()) return;
    bool pushed = false;
    while (!waiting_.empty() && rings_->commands.push(waiting_.front())) {
        waiting_.pop_front();
        ++counters_.commands;
        pushed = true;
    }
    if (pushed) ring();
}

void DataplaneSession::drain() {
    if (!rings_) return;
    wire::FlowEvent event;
    std::size_t popped = 0;
    for (; popped < kMaxEventsPerDrain && rings_ && rings_->events.pop(event); ++popped) {
        ++counters_.events;
        if (is_answer(event.type) && outstanding_ > 0) --outstanding_;
        handlers_.on_event(event);
    }
    more_ = popped == kMaxEventsPerDrain;
    if (!rings_) return;
    flush_waiting();
    if (rings_->events.broken() || rings_->commands.broken()) {
        ++counters_.broken;
        end("a ring is broken");
    }
}

void DataplaneSession::expect_turn(bool soon) {
    if (!rings_ || looks_ == soon) return;
    looks_ = soon;
    rings_->events.look_unasked(soon);
}

Instant DataplaneSession::next_poll(Instant now) {
    if (!rings_) return kNever;
    if (more_ || (!looks_ && rings_->events.waiting() > 0)) return now;
    return now + (looks_ || outstanding_ > 0 || !waiting_.empty() ? kPollBusy : kPollIdle);
}

}  // namespace sallyport::net
