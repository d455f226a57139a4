// SPDX-License-Identifier: MIT
// The index of events as bytes, from which it is made again without the events. These bytes are stored.
#pragma once

#include "must/fwd.hpp"
#include "must/storage/index/event_index.hpp"
#include "must/storage/index/index_row.hpp"
#include "must/storage/index/name_table.hpp"
#include "must/storage/index/postings.hpp"
#include "must/storage/kit/row.hpp"
#include "must/stream_version.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace must::detail::index {

class index_image {
 public:
  // Writes what is committed. The writer calls it.
  static void write(const event_index& from, kit::row_writer& to) {
    to.text(bytes_of(from.seed_));
    to.integer(from.committed_);
    for (const auto* table : {&from.types_, &from.streams_, &from.tags_}) write(*table, to);
    for (std::size_t i = 0; i < from.committed_; ++i) {
      const auto& row = from.rows_[i];
      to.text(bytes_of(row.identity));
      if (row.offset == 0) to.integer(row.append_size);
      to.integer(row.type).integer(row.stream);
      if (row.stream != 0) to.integer(row.version.value);
      const auto tags = row.tags();
      to.integer(tags.size());
      for (const auto tag : tags) to.integer(tag);
    }
  }
  // Makes an index that is empty what it was. Throws codec_error for bytes that are none; it is of no use then.
  static void read(kit::row_reader& from, event_index& to) {
    to.seed_ = number_of(from.text());
    constexpr std::size_t least_row = 12;
    const auto count = from.up_to(from.rest().size() / least_row);
    for (auto* table : {&to.types_, &to.streams_, &to.tags_}) read(from, to, *table, count);
    read_rows(from, to, count);
  }

 private:
  static std::string_view bytes_of(const std::uint64_t& number) {
    return {reinterpret_cast<const char*>(&number), sizeof number};
  }
  static std::uint64_t number_of(std::string_view bytes) {
    std::uint64_t number = 0;
    if (bytes.size() != sizeof number) kit::row_reader::refuse();
    std::memcpy(&number, bytes.data(), sizeof number);
    return number;
  }

  static void write(const name_table& table, kit::row_writer& to) {
    to.integer(table.size());
    for (std::uint32_t number = 1; number <= table.size(); ++number) {
      const auto& entry = table[number];
      to.text(entry.name.view()).integer(entry.by_type.seen.bits()).integer(entry.by_type.size());
      entry.by_type.each([&](std::uint32_t type, position last) { to.integer(type).integer(last); });
      const auto size = entry.list.size();
      to.integer(size);
      if (size == 0) continue;
      position before = 0;
      postings::cursor at(entry.list, 0);
      for (std::size_t i = 0; i < size; ++i) {
        if (i > 0) at.forward();
        to.integer(*at - before);
        before = *at;
      }
    }
  }
  static void read(kit::row_reader& from, event_index& to, name_table& table, std::uint64_t most) {
    const auto names = from.up_to(from.rest().size());
    for (std::uint64_t number = 1; number <= names; ++number) {
      const auto name = from.text();
      if (number == 1) table.reserve(static_cast<std::size_t>(names));
      auto& entry = table.find_or_add(to.hash(name), name, to.memory_);
      if (entry.number != number) kit::row_reader::refuse();  // The name stands twice.
      entry.by_type.seen.restore(static_cast<std::uint32_t>(from.up_to(UINT32_MAX)));
      for (auto types = from.integer(); types > 0; --types) {
        const auto type = static_cast<std::uint32_t>(from.up_to(UINT32_MAX));
        entry.by_type.add(type, to.memory_);
        entry.by_type.set(type, from.up_to(most));
      }
      const auto size = from.up_to(most);
      position at = 0;
      for (std::uint64_t i = 0; i < size; ++i) {
        const auto step = from.up_to(most - at);
        if (step == 0) kit::row_reader::refuse();
        entry.list.stage(at += step, to.memory_);
      }
      entry.list.publish();
      entry.last = at;
    }
  }
  static void read_rows(kit::row_reader& from, event_index& to, std::uint64_t count) {
    std::vector<std::uint32_t> tags;
    std::uint32_t offset = 0, append_size = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
      index_row row;
      row.identity = number_of(from.text());
      if (offset == append_size) {
        offset = 0;
        append_size = static_cast<std::uint32_t>(from.up_to(count - i));
        if (append_size == 0) kit::row_reader::refuse();
      }
      row.offset = offset++;
      row.append_size = append_size;
      row.type = number_in(to.types_, from);
      row.stream = static_cast<std::uint32_t>(from.up_to(to.streams_.size()));
      if (row.stream != 0) row.version = must::version(from.integer());
      tags.clear();
      for (auto left = from.integer(); left > 0; --left) tags.push_back(number_in(to.tags_, from));
      auto* id = row.room_for_tags(tags.size(), to.memory_);
      for (const auto tag : tags) *id++ = tag;
      to.rows_.emplace_back(row);
    }
    if (offset != append_size) kit::row_reader::refuse();
    to.identities_.reserve(count, [](std::uint64_t) { return std::uint64_t{0}; });
    constexpr std::uint64_t ahead = 16;
    for (std::uint64_t i = 0; i < count; ++i) {
      if (i + ahead < count) to.identities_.prefetch(to.rows_[i + ahead].identity);
      to.identities_.insert(to.rows_[i].identity);
    }
    to.committed_ = count;
  }
  static std::uint32_t number_in(const name_table& table, kit::row_reader& from) {
    const auto number = from.up_to(table.size());
    if (number == 0) kit::row_reader::refuse();
    return static_cast<std::uint32_t>(number);
  }
};

}  // namespace must::detail::index
