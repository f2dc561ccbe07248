#pragma once
// A port that is a socket, or several: what they have in common, and how they come about in a namespace.

#include <string>

#include "platform/os/unique_fd.h"
#include "tests/load/port.h"

namespace sallyport::load {

class SocketPort : public Port {
public:
    // To be polled for POLLIN: there is something to receive, or to flush.
    virtual int fd() const = 0;
};

// The calling thread is inside while it lives.
class InNamespace {
public:
    // The name of a namespace below /run/netns; empty: the present one.
    explicit InNamespace(const std::string& name);
    ~InNamespace();
    InNamespace(const InNamespace&) = delete;
    InNamespace& operator=(const InNamespace&) = delete;
    bool failed() const { return failed_; }

private:
    os::UniqueFd home_;
    bool inside_ = false;
    bool failed_ = false;
};

}  // namespace sallyport::load
