#include "tests/hostile/victim.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include <array>
#include <cstring>

#include "platform/os/fd_passing.h"
#include "platform/os/unix_socket.h"

namespace sallyport::hostile {

using wire::CommandType;
using wire::FlowCommand;

std::unique_ptr<Victim> Victim::attach(const Target& target, Tally& tally) {
    const auto refused = [&tally] {
        ++tally.not_attached;
        return nullptr;
    };
    auto socket = os::connect_unix(target.socket, os::UnixType::kSeqPacket);
    if (!socket) return refused();
    pollfd wait{.fd = socket->get(), .events = POLLIN, .revents = 0};
    if (::poll(&wait, 1, 1000) != 1) return refused();
    std::array<std::byte, 64> text{};
    auto received = os::receive_with_fds(socket->get(), text, 2);
    if (!received || received->fds.size() != 2) return refused();
    struct stat page{};
    if (::fstat(received->fds[1].get(), &page) != 0) return refused();
    auto memory = os::map_received(received->fds[0].get(), wire::kSegmentBytes, true);
    if (!memory) return refused();
    auto places = wire::attach_segment(memory->writable());
    if (!places) return refused();
    ++tally.attached;
    return std::unique_ptr<Victim>(new Victim(std::move(*socket), std::move(received->fds[0]),
                                              std::move(received->fds[1]), static_cast<std::size_t>(page.st_size),
                                              std::move(*memory), *places, tally));
}

Victim::Victim(os::UniqueFd socket, os::UniqueFd segment, os::UniqueFd page, std::size_t page_bytes, os::Mapping memory,
               wire::SegmentPlaces places, Tally& tally)
    : socket_(std::move(socket)),
      segment_(std::move(segment)),
      page_(std::move(page)),
      page_bytes_(page_bytes),
      memory_(std::move(memory)),
      places_(places),
      events_(places.events),
      tally_(tally) {}

void Victim::write_slot(const FlowCommand& command) {
    std::memcpy(places_.commands.slots_begin + (head_ & (wire::kCommandSlots - 1)) * sizeof command, &command,
                sizeof command);
}

void Victim::push(const FlowCommand& command) {
    write_slot(command);
    advance(1);
    ++tally_.commands;
}

bool Victim::push_politely(const FlowCommand& command) {
    constexpr timespec kMoment{0, 200'000};
    for (int i = 0; head_ - command_tail().load(std::memory_order_acquire) >= wire::kCommandSlots; ++i) {
        if (i == 100) return alive();  // it does not read: nobody reads its events
        ring();
        read_events();
        ::nanosleep(&kMoment, nullptr);
    }
    push(command);
    return true;
}

void Victim::read_events() {
    wire::FlowEvent event;
    while (events_.pop(event)) {
        ++tally_.events;
        if (event.type == wire::EventType::kRejected) ++tally_.rejected;
        if (event.type == wire::EventType::kCommitted) ++tally_.committed;
    }
    std::array<std::byte, 64> bells;
    for (int i = 0; i < 64 && ::recv(socket_.get(), bells.data(), bells.size(), MSG_DONTWAIT) > 0; ++i) {
    }
}

bool Victim::ring() {
    const std::byte bell{};
    ++tally_.datagrams;
    return ::send(socket_.get(), &bell, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1 || errno == EAGAIN;
}

bool Victim::alive() {
    pollfd state{.fd = socket_.get(), .events = 0, .revents = 0};
    return ::poll(&state, 1, 0) >= 0 && (state.revents & (POLLHUP | POLLERR)) == 0;
}

wire::FlowSpec Forger::spec() {
    const auto port = [this] {
        return static_cast<std::uint16_t>(target_.first_port + random_.below(target_.last_port - target_.first_port));
    };
    const auto at = [](const std::string& address, std::uint16_t number) {
        return Endpoint{*IpAddress::parse(address), number};
    };
    wire::FlowSpec s;
    s.key = {at(target_.in_local, port()), 0, 0};
    s.out = {at(target_.out_local, port()), 1, 0};
    s.remote = at(target_.in_remote, static_cast<std::uint16_t>(1 + random_.below(65535)));
    s.out_remote = at(target_.out_remote, static_cast<std::uint16_t>(1 + random_.below(65535)));
    if (random_.chance(50)) {
        std::swap(s.key, s.out);
        std::swap(s.remote, s.out_remote);
    }
    s.cookie.call = random_.next_u64();
    s.generation = 0x6660'0000 + random_.below(4);
    s.flags = wire::kFlowForward | (random_.chance(30) ? wire::kFlowReportIdle : 0);
    s.source_rule = random_.chance(50) ? wire::SourceRule::kAddress : wire::SourceRule::kExact;
    s.idle_ms = random_.chance(30) ? 1 + random_.below(50) : 0;
    s.dscp = static_cast<std::uint8_t>(random_.below(64));
    s.rate_pps = random_.chance(30) ? static_cast<std::uint32_t>(random_.next_u64()) : 0;
    return s;
}

FlowCommand Forger::valid(CommandType type, std::uint32_t transaction) {
    FlowCommand c;
    c.type = type;
    c.transaction = transaction;
    c.spec = spec();
    return c;
}

FlowCommand Forger::any(std::uint32_t transaction) {
    static constexpr std::array kTypes{
        CommandType::kInstall, CommandType::kInstall, CommandType::kInstall, CommandType::kUpdate, CommandType::kRemove,
        CommandType::kCommit,  CommandType::kCommit,  CommandType::kAbort,   CommandType::kList,   CommandType::kQuery};
    return valid(kTypes[random_.below(kTypes.size())], transaction);
}

FlowCommand Forger::mutated(std::uint32_t transaction) {
    auto c = any(transaction);
    switch (random_.below(8)) {
        case 0: c.spec.key.realm = static_cast<std::uint16_t>(random_.next_u64()); break;
        case 1: c.spec.out.local.port = static_cast<std::uint16_t>(random_.next_u64()); break;
        case 2: c.spec.key.local = c.spec.remote; break;
        case 3: c.spec.out_remote = c.spec.out.local; break;
        case 4: c.type = static_cast<CommandType>(random_.next_u64()); break;
        case 5: c.spec.prefix_length = static_cast<std::uint8_t>(random_.next_u64()); break;
        default: break;
    }
    const auto bytes = std::as_writable_bytes(std::span(&c, 1));
    for (auto n = random_.below(4); n > 0; --n)
        random_.fill(bytes.subspan(random_.below(static_cast<std::uint32_t>(bytes.size())), 1));
    return c;
}

FlowCommand Forger::noise() {
    FlowCommand c;
    random_.fill(std::as_writable_bytes(std::span(&c, 1)));
    return c;
}

}  // namespace sallyport::hostile
