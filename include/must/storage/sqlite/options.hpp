// SPDX-License-Identifier: MIT
// How a SQLite store is opened.
#pragma once

#include "must/limits.hpp"
#include "must/timestamp.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace must {

/// What a power failure may lose. The file stays consistent in both cases, and a process that dies loses nothing.
enum class sqlite_durability : std::uint8_t {
  full,   ///< Nothing is lost: what an append has returned is on the disk.
  normal  ///< The most recent appends may be lost. Appends are several times as fast.
};

/// What may be done with the file.
enum class sqlite_mode : std::uint8_t {
  read_write,  ///< The file is read and written, and made when there is none.
  read_only,   ///< Every append and put is refused. SQLite makes the files "-wal" and "-shm" unless they are there.
  in_memory    ///< The store is in memory, and ends with the object. `path` is not used.
};

/// The options of a sqlite_store. Spans are must::duration, which counts microseconds. The page
/// "Storage" of the documentation has measured numbers.
struct sqlite_options {
  /// The path of the file, in a folder that exists. The constructor refuses an empty path, and ":memory:" (bad_input).
  std::string path{};
  /// What a power failure may lose of the appends that have returned.
  sqlite_durability durability = sqlite_durability::full;
  /// What may be done with the file.
  sqlite_mode mode = sqlite_mode::read_write;
  /// The longest time that a call waits for another process to let go of the file, 5 seconds by default. Then
  /// storage_error is thrown, and is retryable.
  duration timeout{5'000'000};
  /// The time between two looks of wait_for at what other processes have appended, 5 milliseconds by default.
  duration poll_interval{5'000};
  /// What an append may hold.
  must::limits limits{};
  /// The highest number of events that a read fetches at once. 0 counts as 1.
  std::size_t page_events = 512;
  /// The number of bytes of events, as kit::event_bytes counts them, after which a read fetches no more at once.
  std::size_t page_bytes = 1U << 20U;
  /// The number of connections that are kept for readers. More are opened while more threads read. Each keeps up to 2
  /// MiB of SQLite's pages, and a page of events unless one of them was larger than 4 KiB.
  std::size_t idle_readers = 8;
  /// The number of pages of write-ahead log, of 4 KiB each, after which the next append runs a checkpoint of SQLite and
  /// waits for it. More pages mean fewer and longer pauses. By default it runs at 16 MiB.
  int checkpoint_pages = 4'000;
  /// The number of the newest events whose tags may wait until they are written into the index, many at once. Until
  /// then, a store that queries tags keeps them in memory. Fewer wait when their tags take 512 KiB. An append that
  /// finds more waiting writes some of them. With 1, no tag waits. With 0, the size of the file decides: 1,024 to
  /// 4,096.
  std::uint64_t unindexed_events = 0;
  /// Whether reads check every page for damage, and compare every event with the digest that is stored with it. A read
  /// that finds damage throws storage_error.
  bool verify_reads = false;
  /// The highest number of pages of the file. An append beyond it throws storage_error. With 0 only the limit of SQLite
  /// holds.
  std::int64_t max_pages = 0;
};

}  // namespace must
