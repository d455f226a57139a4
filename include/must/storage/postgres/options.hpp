// SPDX-License-Identifier: MIT
// How a PostgreSQL store is opened.
#pragma once

#include "must/limits.hpp"
#include "must/storage.hpp"  // IWYU pragma: keep
#include "must/timestamp.hpp"

#include <cstddef>
#include <string>

namespace must {

/// The options of a postgres_store: where it keeps its events, and how.
///
/// libpq itself reads TLS, passwords and timeouts from conninfo, ~/.pgpass, service files and environment variables.
/// Spans are must::duration, which counts microseconds.
struct postgres_options {
  /// The connection string of libpq, "host=/run/postgresql dbname=app" or a URI. No error repeats it.
  std::string conninfo{};
  /// The name of the schema: 1 to 63 bytes. Each schema is a store of its own.
  std::string schema = "must";
  /// The highest number of connections that are open at once. 0 counts as 1. Waiting for events takes one more.
  std::size_t connections = 4;
  /// The longest time that a call may take, 10 seconds by default. The server ends a statement after nine tenths of it.
  must::duration timeout{10'000'000};
  /// What an append may hold. Whatever the limits say, an append takes no more than 512 MiB.
  must::limits limits{};
  /// The highest number of events that a read fetches at once. 0 counts as 1.
  std::size_t page_events = 4'000;
  /// The highest number of bytes that a read fetches at once, for each of tags, attributes and data. A larger event is
  /// fetched alone.
  std::size_t page_bytes = 16U << 20U;
  /// Whether each commit wakes the threads and processes that wait for events. Otherwise they poll.
  bool notify = true;
  /// The longest time between two looks of wait_for at the head of the store, 0.2 seconds by default.
  must::duration poll_interval{200'000};
  /// Whether the schema is made when there is none, and its functions anew when it was renamed.
  bool create = true;
  /// Whether a pooler in transaction mode stands before the server, so that no session keeps anything. The store
  /// detects most poolers itself.
  bool pooled = false;
};

}  // namespace must
