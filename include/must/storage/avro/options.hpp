// SPDX-License-Identifier: MIT
// How an Avro store is opened.
#pragma once

#include "must/limits.hpp"
#include "must/timestamp.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace must {

/// What a power failure may lose. A process that dies loses nothing that an append has returned.
enum class avro_durability : std::uint8_t {
  full,  ///< Nothing is lost: what an append has returned is on the disk.
  none   ///< The most recent appends may be lost. A file that was just made may be empty, and is refused then.
};

/// What may be done with the file.
enum class avro_mode : std::uint8_t {
  read_write,  ///< The file is read and written, and made when there is none.
  read_only    ///< Every append and put is refused. Nothing is written, and a torn end stays as it is.
};

/// How the blocks of a new file are kept. A file that is there keeps the codec that it has.
enum class avro_codec : std::uint8_t {
  null,    ///< The bytes stay as they are.
  deflate  ///< Each block is compressed. Readers have to know the codec "deflate", as all do.
};

/// The options of an avro_store. Spans are must::duration, which counts microseconds.
struct avro_options {
  /// The path of the file, in a folder that exists. The constructor refuses an empty path (bad_input).
  std::string path{};
  /// What a power failure may lose of the appends that have returned.
  avro_durability durability = avro_durability::full;
  /// What may be done with the file.
  avro_mode mode = avro_mode::read_write;
  /// How the blocks of a new file are kept.
  avro_codec codec = avro_codec::null;
  /// The longest time that a call waits for another process to let go of the file, and that an append is tried again
  /// while others are faster. Then storage_error is thrown, and is retryable.
  duration timeout{5'000'000};
  /// The time between two looks of wait_for at what other processes have appended, 5 milliseconds by default.
  duration poll_interval{5'000};
  /// What an append may hold.
  must::limits limits{};
  /// The size of a file, in bytes, beyond which the next commit begins another file. With 0, all events are in one
  /// file. The others are named after the first position in them: "events.avro.00000000000000001001.avro".
  std::uint64_t rotate_bytes = 0;
  /// The most memory for events that were read or appended last, in bytes. \see kit::event_bytes
  std::size_t cache_bytes = std::size_t{64} << 20U;
  /// The bytes of events after which a read fetches no more at once. It fetches at least one commit.
  std::size_t page_bytes = std::size_t{1} << 20U;
};

}  // namespace must
