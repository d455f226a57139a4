// SPDX-License-Identifier: MIT
// How a SQLite store is opened.
#pragma once

#include "must/storage.hpp"
#include "must/timestamp.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace must {

/// What a cut of power may take. The file stays sound in both, and a process that dies takes nothing.
enum class sqlite_durability : std::uint8_t {
  full,   ///< nothing: what an append has returned is on the disk
  normal  ///< the newest appends, as if they had never been; some three times the appends a second
};

/// What may be done with the file.
enum class sqlite_mode : std::uint8_t {
  read_write,  ///< makes the file when there is none
  read_only,   ///< every append and put is refused; SQLite makes files "-wal" and "-shm" unless they are there
  in_memory    ///< a store of its own, gone with the object; `path` is not used
};

/// How a sqlite_store is opened, and what it may take.
struct sqlite_options {
  std::string path{};                                      ///< of the file; its folder is there
  sqlite_durability durability = sqlite_durability::full;  ///< of an append that has returned
  sqlite_mode mode = sqlite_mode::read_write;              ///< what may be done with the file
  duration busy_timeout{5'000'000};    ///< for another process to let go, then storage_error (retryable)
  duration poll_interval{5'000};       ///< how often wait_for looks what other processes have appended
  must::limits limits{};               ///< what an append may hold
  std::size_t page_rows = 512;         ///< of a read: how many events are fetched at once
  std::size_t page_bytes = 1U << 20U;  ///< of a read: no more is fetched when a page has that many bytes of data

  /// connections kept for readers, each with up to 2 MiB of SQLite's pages and a page of events, of which none has been
  /// above 4 KiB; more are opened while more threads read
  std::size_t idle_readers = 8;

  /// the write-ahead log goes into the file when it has that many pages of 4 KiB; the append that comes to it waits
  /// meanwhile: in a file of 1,000,000 events about 6 ms with 1,000, 20 ms with 4,000, 30 ms with 16,000 and 35 ms with
  /// 32,000 (64 and 128 MiB of log), while a single append takes, on the whole, less time with more of them
  int checkpoint_pages = 4'000;
  /// so many of the newest events may wait for their tags to be written into the index, many at once, which is twice as
  /// fast; meanwhile who asks for tags keeps theirs in memory, some 300 bytes for an event of two tags. The append that
  /// writes them waits: about 20 ms in a file of 10,000 events, 300 ms in one of 1,000,000. 1: none waits; 0: 4,096 to
  /// 16,384, by the size of the file
  std::uint64_t unindexed_events = 0;
  /// every page that is read is looked through, every event compared with its seal: a look-up, two digests
  bool verify_reads = false;
  std::int64_t max_pages = 0;  ///< a quota of the file in pages; 0: none
};

}  // namespace must
