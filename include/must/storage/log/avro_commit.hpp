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
#include "must/storage/log/avro_record.hpp"
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
inline commit read_avro_commit(std::string_view objects, std::uint64_t count) {
  if (count == 0) throw avro::malformed("has no events", 0);
  if (count > objects.size() / least_record_bytes)
    throw avro::malformed("has " + std::to_string(count) + " events in " + std::to_string(objects.size()) + " bytes",
                          0);
  commit made;
  made.events.reserve(count);
  avro_record_reader from(objects);
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto start = from.offset();
    const auto record = from.take(made.events.emplace_back(), made);
    if (record.begins_commit != (i == 0))
      throw avro::malformed("has an event that begins a commit, or none that does,", start);
    if (i == 0) made.first = record.at;
    if (record.at != made.first + i)
      throw avro::malformed("has the position " + std::to_string(record.at) + ", which does not follow,", start);
  }
  if (from.left() > 0) throw avro::malformed("is longer than its events", from.offset());
  return made;
}

// Returns the objects of the block that holds a commit, one an event. The place of the commit is not among them.
// \see commit_schema
[[nodiscard]] inline std::string encode_commit(const commit& of) { return avro_commit_writer(of).write(); }

// Reads the commit that encode_commit has written. The events get their positions and times from check_commit.
// Throws storage_error for bytes that are none; `backend_code` is "damaged", and the message tells the byte of the
// objects.
[[nodiscard]] inline commit decode_commit(std::string_view objects, std::uint64_t count) {
  try {
    return read_avro_commit(objects, count);
  } catch (const avro::malformed& flaw) {
    raise({.code = error_code::storage_error,
           .message =
               "a commit " + std::string(flaw.what()) + " at byte " + std::to_string(flaw.offset()) + " of its objects",
           .operation = "read",
           .backend_code = "damaged"});
  }
}

}  // namespace must::detail::log
