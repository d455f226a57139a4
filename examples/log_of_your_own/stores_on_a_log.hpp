// SPDX-License-Identifier: MIT
// What the public suite of stores asks for: a store, and another one of the same events.
#pragma once

#include "log_in_memory.hpp"

#include <must/storage/log_store.hpp>
#include <must/testing/storage_suite.hpp>

#include <optional>

// Two stores on one log see what the other has appended, as two processes on one file do.
class stores_on_a_log {
 public:
  static constexpr must::testing::capabilities capabilities{
      .cells = true, .batches = true, .waiting = true, .shared = true, .durable = true};
  must::log_store<log_in_memory>& store() {
    if (!store_) reopen();
    return *store_;
  }
  must::log_store<log_in_memory>& other() {
    if (!other_) other_.emplace(log_);
    return *other_;
  }
  void reopen() { store_.emplace(log_); }

 private:
  log_in_memory log_;
  std::optional<must::log_store<log_in_memory>> store_, other_;
};
