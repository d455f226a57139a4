// SPDX-License-Identifier: MIT
// A server that has gone must not end the program: what TLS writes to it raises SIGPIPE.
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep

#include <signal.h>
#include <time.h>
#include <cerrno>

namespace must::detail::http {

// Blocks SIGPIPE in this thread as long as it lives, and takes away one that has come meanwhile.
class without_sigpipe {
 public:
  without_sigpipe() noexcept {
    ::sigset_t pending;
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    ::sigpending(&pending);
    was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  without_sigpipe(const without_sigpipe&) = delete;
  without_sigpipe& operator=(const without_sigpipe&) = delete;
  ~without_sigpipe() {
    const ::timespec at_once{};
    if (!was_pending_)
      while (::sigtimedwait(&pipe_, nullptr, &at_once) < 0 && errno == EINTR) {}
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  ::sigset_t pipe_{}, before_{};
  bool was_pending_ = false;
};

}  // namespace must::detail::http
