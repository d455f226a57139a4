// SPDX-License-Identifier: MIT
// The patience of a follower with its store: what the store refuses for a while is done later.
#pragma once

#include "must/detail/current_error.hpp"
#include "must/detail/rest.hpp"
#include "must/error.hpp"
#include "must/storage.hpp"
#include "must/subscription/claim.hpp"
#include "must/subscription/handler_call.hpp"
#include "must/timestamp.hpp"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <stop_token>
#include <string>

namespace must::detail::following {

inline std::string message_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (...) {
    return current_error("handler").message;
  }
}

// Any number of lanes may use it. The lease is held.
template <CellStorage S>
class patience {
 public:
  patience(claim<S>& claim, const std::stop_token& stop) : claim_(claim), stop_(stop) {}

  [[nodiscard]] const std::stop_token& stop() const { return stop_; }

  // Rests for a while after a failure of the store that may pass. Returns whether to go on.
  bool waits_for_store(const thrown_by_store& failure) {
    if (!failure.waits || !may_pass(failure.what)) return false;
    claim_.note_error(message_of(failure.what));
    rest(duration{100'000}, stop_);
    return !stop_.stop_requested() && claim_.make_sure(stop_);
  }
  // Stores what a handler has done, by `write()`, which returns whether the lease is held. Returns false at a stop.
  // Throws thrown_by_handler and thrown_by_store. A write that got no answer is done, or ends the run: nobody knows
  // then whether the handler counts.
  template <typename Write>
  bool commit(Write&& write) {
    std::exception_ptr unanswered;
    const auto attempt = [&] {
      try {
        return write();
      } catch (const thrown_by_handler&) {
        if (unanswered) throw thrown_by_store{unanswered};
        throw;
      } catch (const outcome_unknown&) {
        unanswered = std::current_exception();
        throw;
      }
    };
    try {
      return surely(attempt);
    } catch (const thrown_by_handler&) {
      throw;
    } catch (const thrown_by_store&) {
      throw;
    } catch (...) {
      throw thrown_by_store{std::current_exception()};
    }
  }

  // Does what the store refuses for a while until it is done. Returns false when a stop is requested. `work` returns
  // whether the lease is held.
  template <typename Work>
  bool surely(Work&& work) {
    for (unsigned failures = 0;; ++failures) {
      try {
        if (work()) return true;
        claim_.raise_lost();
      } catch (const exception& why) {
        if (!may_pass(why.error())) throw;
        claim_.note_error(why.error().message);
      }
      rest(duration{std::min<std::int64_t>(10'000LL << std::min(failures, 7U), 1'000'000)}, stop_);
      if (stop_.stop_requested()) return false;
    }
  }

 private:
  claim<S>& claim_;
  const std::stop_token& stop_;
};

}  // namespace must::detail::following
