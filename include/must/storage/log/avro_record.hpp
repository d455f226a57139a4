// SPDX-License-Identifier: MIT
// Reads the Avro records of a log, one an event.
#pragma once

#include "must/avro/decode.hpp"
#include "must/detail/crc32c.hpp"
#include "must/fwd.hpp"
#include "must/record.hpp"
#include "must/storage/log/avro_values.hpp"
#include "must/storage/log/commit.hpp"
#include "must/stream_version.hpp"
#include "must/timestamp.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must::detail::log {

// The fewest bytes that a record may have: one a field.
inline constexpr std::size_t least_record_bytes = 23;

// The names of the states of data, in the order of payload::kind.
inline constexpr std::array<std::string_view, 4> avro_states{"absent", "null", "present", "erased"};

// What a record says beside its event.
struct avro_record {
  position at;
  bool begins_commit;  // Whether it is the first event of its commit.
};

// Takes one record after another, and throws malformed for bytes that are none.
class avro_record_reader {
 public:
  explicit avro_record_reader(std::string_view objects) : from_(objects), objects_(objects) {}

  [[nodiscard]] std::size_t offset() const { return from_.offset(); }
  [[nodiscard]] std::size_t left() const { return from_.left(); }

  // Takes an event, which has no position and no time of its record then. The first record of a commit fills `of`.
  avro_record take(recorded<payload>& event, commit& of) {
    const auto start = from_.offset();
    take_event(event);
    const bool begins_commit = take_commit(of);
    const auto crc = crc32c(objects_.substr(start, from_.offset() - start));
    if (from_.take_long() != std::int64_t{crc}) throw avro::malformed("has an event with another CRC-32C", start);
    return {at_, begins_commit};
  }

 private:
  [[nodiscard]] bool has_value() { return from_.take_branch(2) == 1; }
  [[nodiscard]] std::string_view take_optional() { return has_value() ? from_.take_bytes() : std::string_view(); }
  [[nodiscard]] std::uint64_t take_number() {
    const auto start = from_.offset();
    const auto number = from_.take_long();
    if (number < 0) throw avro::malformed("has the number " + std::to_string(number) + ", which is negative,", start);
    return static_cast<std::uint64_t>(number);
  }
  // Takes a time that may be written as a text, too.
  [[nodiscard]] timestamp take_time_text(std::int64_t microseconds) {
    if (!has_value()) return plain_avro_time(microseconds);
    const auto start = from_.offset();
    return read_avro_time(from_.take_bytes(), start);
  }

  void take_event(recorded<payload>& event) {
    event.id = from_.take_bytes();
    event.source = from_.take_bytes();
    event.type = from_.take_bytes();
    const auto content_type = take_optional();
    event.dataschema = take_optional();
    event.subject = take_optional();
    std::optional<std::int64_t> microseconds;
    if (has_value()) microseconds = from_.take_long();
    const auto data = take_optional();
    const auto start = from_.offset();
    at_ = take_number();
    if (at_ == 0) throw avro::malformed("has the position 0", start);
    event.version = must::version(take_number());
    recorded_ = from_.take_long();
    take_tags(event);
    for (avro::items entries(from_, 3); entries.next();) {
      const auto start_of_name = from_.offset();
      std::string name(from_.take_bytes());
      const auto count = event.extensions.size();
      event.extensions.emplace_hint(event.extensions.end(), std::move(name), take_avro_value(from_));
      if (event.extensions.size() == count) throw avro::malformed("has an extension twice", start_of_name);
    }
    const auto time = take_time_text(microseconds.value_or(0));
    if (microseconds) event.time = time;
    take_data(event, content_type, data);
  }
  void take_tags(recorded<payload>& event) {
    tags_.clear();
    for (avro::items entries(from_, 1); entries.next();) tags_.push_back(from_.take_bytes());
    if (tags_.empty()) return;
    event.tags = tag_set(std::vector<std::string>(tags_.begin(), tags_.end()));
  }
  void take_data(recorded<payload>& event, std::string_view content_type, std::string_view data) {
    const auto start = from_.offset();
    const auto state = from_.take_bytes();
    std::optional<erasure> erased;
    if (has_value()) erased = erasure{{}, read_avro_time(from_.take_bytes(), start)};
    const auto why = take_optional();
    if (erased) erased->why = why;
    std::string type(content_type);
    if (state == "present")
      event.data = payload(std::move(type), std::string(data));
    else if (state == "absent")
      event.data = payload::absent(std::move(type));
    else if (state == "null")
      event.data = payload::null(std::move(type));
    else if (state == "erased" && erased)
      event.data = payload::erased(*std::move(erased), std::move(type));
    else
      throw avro::malformed("has data in no state that there is", start);
  }
  // Takes what the first record of a commit says for all. Returns whether this is the first.
  bool take_commit(commit& of) {
    const auto start = from_.offset();
    const bool is_first = has_value();
    if (is_first) of.id = from_.take_bytes();
    const auto writer = take_optional();
    if (is_first) of.writer = writer;
    const auto time = take_time_text(recorded_);
    if (is_first) of.time = time;
    if (is_first) of.appends.clear();
    for (avro::items sizes(from_, 1); sizes.next();) {
      const auto size_start = from_.offset();
      const auto size = take_number();
      if (size > UINT32_MAX) throw avro::malformed("has an append of too many events", size_start);
      of.appends.push_back(static_cast<std::uint32_t>(size));
    }
    if (has_value() != is_first) throw avro::malformed("has a commit without its CRC-32C, or that alone,", start);
    if (!is_first) return false;
    const auto crc_start = from_.offset();
    const auto crc = take_number();
    if (crc > UINT32_MAX) throw avro::malformed("has a CRC-32C of more than 32 bits", crc_start);
    of.crc = static_cast<std::uint32_t>(crc);
    return true;
  }

  avro::decoder from_;
  std::string_view objects_;
  position at_ = 0;
  std::int64_t recorded_ = 0;             // The time of the record, in microseconds.
  std::vector<std::string_view> tags_{};  // The tags of one event.
};

}  // namespace must::detail::log
