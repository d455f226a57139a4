// SPDX-License-Identifier: MIT
// A commit as the objects of one block of an Avro container file: a record an event, and back. These bytes are stored:
// do not change them.
#pragma once

#include "must/avro/decode.hpp"
#include "must/avro/encode.hpp"
#include "must/detail/crc32c.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/record.hpp"
#include "must/storage/log/avro_schema.hpp"  // IWYU pragma: export
#include "must/storage/log/avro_values.hpp"
#include "must/storage/log/commit.hpp"
#include "must/stream_version.hpp"
#include "must/text/media_type.hpp"
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

// Writes the records of a commit.
class avro_commit_writer {
 public:
  explicit avro_commit_writer(const commit& of) : of_(of) {}

  [[nodiscard]] std::string write() && {
    std::size_t bytes = 0;
    for (const auto& event : of_.events)
      bytes += 192 + event.id.size() + event.source.size() + event.type.size() + event.subject.size() +
               event.data.bytes().size() + 16 * event.tags.size() + 64 * event.extensions.size();
    out_.reserve(bytes);
    for (std::size_t i = 0; i < of_.events.size(); ++i) {
      const auto start = out_.size();
      write_event(of_.events[i]);
      write_recorded(of_.events[i], of_.first + i);
      write_commit(i == 0);
      avro::append_long(out_, crc32c(std::string_view(out_).substr(start)));
    }
    return std::move(out_);
  }

 private:
  void text(std::string_view value) { avro::append_bytes(out_, value); }
  void number(std::uint64_t value) { avro::append_long(out_, static_cast<std::int64_t>(value)); }
  void no_value() { out_ += '\0'; }
  void begin_value() { out_ += '\2'; }  // The second branch of a union.
  void value(std::string_view present) {
    begin_value();
    text(present);
  }
  void optional(std::string_view value_or_empty) {
    if (value_or_empty.empty()) return no_value();
    value(value_or_empty);
  }
  void begin_items(std::size_t count) {
    if (count > 0) number(count);
  }
  void end_items() { out_ += '\0'; }

  // Writes the fields of CloudEvents' compact format.
  void write_event(const cloud_event& event) {
    text(event.id);
    text(event.source);
    text(event.type);
    optional(event.data.content_type());
    optional(event.dataschema);
    optional(event.subject);
    if (event.time) {
      begin_value();
      avro::append_long(out_, event.time->microseconds);
    } else {
      no_value();
    }
    const auto state = event.data.state();
    if (state == payload::kind::present)
      value(event.data.bytes());
    else if (state == payload::kind::null && text::is_json_media_type(event.data.content_type()))
      value("null");
    else
      no_value();
  }
  void write_recorded(const recorded<payload>& event, position at) {
    number(at);
    number(event.version.value);
    avro::append_long(out_, of_.time.microseconds);
    begin_items(event.tags.size());
    for (const auto& tag : event.tags) text(tag);
    end_items();
    begin_items(event.extensions.size());
    for (const auto& [name, extension] : event.extensions) {
      text(name);
      append_avro_value(out_, extension);
    }
    end_items();
    write_time_text(event.time);
    text(avro_states[static_cast<std::size_t>(event.data.state())]);
    if (const auto erased = event.data.erased_how()) {
      value(avro_time_text(erased->when));
      value(erased->why);
    } else {
      no_value();
      no_value();
    }
  }
  // Writes a time as a text when its microseconds do not say it all.
  void write_time_text(const std::optional<timestamp>& time) {
    if (!time || is_same_time(*time, plain_avro_time(time->microseconds))) return no_value();
    value(avro_time_text(*time));
  }
  // Writes what the first record of a commit says for all.
  void write_commit(bool is_first) {
    if (!is_first) {
      for (int field = 0; field < 5; ++field) no_value();
      return;
    }
    value(of_.id);
    value(of_.writer);
    write_time_text(of_.time);
    begin_items(of_.appends.size());
    for (const auto size : of_.appends) number(size);
    end_items();
    begin_value();
    number(of_.crc);
  }

  const commit& of_;
  std::string out_{};
};

// Reads the records of a commit, and throws malformed for bytes that are none.
class avro_commit_reader {
 public:
  explicit avro_commit_reader(std::string_view objects) : from_(objects), objects_(objects) {}

  [[nodiscard]] commit read(std::uint64_t count) && {
    if (count == 0) throw avro::malformed("has no events", 0);
    if (count > objects_.size() / least_record_bytes)
      throw avro::malformed("has " + std::to_string(count) + " events in " + std::to_string(objects_.size()) + " bytes",
                            0);
    made_.events.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto start = from_.offset();
      auto& event = made_.events.emplace_back();
      take_event(event, i);
      take_commit(i == 0);
      const auto crc = crc32c(objects_.substr(start, from_.offset() - start));
      if (from_.take_long() != std::int64_t{crc}) throw avro::malformed("has an event with another CRC-32C", start);
    }
    if (from_.left() > 0) throw avro::malformed("is longer than its events", from_.offset());
    return std::move(made_);
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

  void take_event(recorded<payload>& event, std::uint64_t number) {
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
    const auto at = take_number();
    if (number == 0) made_.first = at;
    if (at == 0 || at != made_.first + number)
      throw avro::malformed("has the position " + std::to_string(at) + ", which does not follow,", start);
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
  // Takes what the first record of a commit says for all.
  void take_commit(bool is_first) {
    const auto start = from_.offset();
    if (has_value() != is_first) throw avro::malformed("has a commit that does not begin with its block", start);
    if (is_first) made_.id = from_.take_bytes();
    const auto writer = take_optional();
    if (is_first) made_.writer = writer;
    const auto time = take_time_text(recorded_);
    if (is_first) made_.time = time;
    for (avro::items sizes(from_, 1); sizes.next();) {
      const auto size_start = from_.offset();
      const auto size = take_number();
      if (size > UINT32_MAX) throw avro::malformed("has an append of too many events", size_start);
      made_.appends.push_back(static_cast<std::uint32_t>(size));
    }
    if (!has_value()) return;
    const auto crc_start = from_.offset();
    const auto crc = take_number();
    if (crc > UINT32_MAX) throw avro::malformed("has a CRC-32C of more than 32 bits", crc_start);
    made_.crc = static_cast<std::uint32_t>(crc);
  }

  avro::decoder from_;
  std::string_view objects_;
  commit made_{};
  std::int64_t recorded_ = 0;             // The time of the record, in microseconds.
  std::vector<std::string_view> tags_{};  // The tags of one event.
};

// Returns the objects of the block that holds a commit, one an event. The place of the commit is not among them.
// \see commit_schema
[[nodiscard]] inline std::string encode_commit(const commit& of) { return avro_commit_writer(of).write(); }

// Reads the commit that encode_commit has written. The events get their positions and times from check_commit.
// Throws storage_error for bytes that are none; `backend_code` is "damaged", and the message tells the byte of the
// objects.
[[nodiscard]] inline commit decode_commit(std::string_view objects, std::uint64_t count) {
  try {
    return avro_commit_reader(objects).read(count);
  } catch (const avro::malformed& flaw) {
    raise({.code = error_code::storage_error,
           .message =
               "a commit " + std::string(flaw.what()) + " at byte " + std::to_string(flaw.offset()) + " of its objects",
           .operation = "read",
           .backend_code = "damaged"});
  }
}

}  // namespace must::detail::log
