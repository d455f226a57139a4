// SPDX-License-Identifier: MIT
// The blocks of an Avro file one after another, and whether what is behind the last whole one is torn or damaged.
#pragma once

#include "must/avro/container.hpp"
#include "must/avro/decode.hpp"
#include "must/detail/posix_file.hpp"
#include "must/storage/avro/growing_file.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace must::detail::avro_log {

// A part of a file, in memory that is used again.
class file_window {
 public:
  file_window(const posix::descriptor& file, const std::string& path, std::uint64_t end)
      : file_(file), path_(path), end_(end) {}

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::uint64_t end() const noexcept { return end_; }
  // Returns the bytes at an offset: `size`, or fewer at the end. They are valid until the next call.
  [[nodiscard]] std::string_view at(std::uint64_t offset, std::size_t size) {
    if (offset >= end_) return {};
    size = static_cast<std::size_t>(std::min<std::uint64_t>(size, end_ - offset));
    if (offset < base_ || offset + size > base_ + held_) fill(offset, size);
    const auto skipped = static_cast<std::size_t>(offset - base_);
    return {bytes_.get() + skipped, std::min(size, held_ - std::min(held_, skipped))};
  }

 private:
  // What is read ahead grows, so that one block costs little, and many cost few calls.
  void fill(std::uint64_t offset, std::size_t size) {
    constexpr std::size_t most = std::size_t{256} << 10U;
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(std::max(size, ahead_), end_ - offset));
    ahead_ = std::min(4 * ahead_, most);
    if (wanted > room_) {
      bytes_ = std::make_unique_for_overwrite<char[]>(wanted);
      room_ = wanted;
    }
    held_ = 0;
    held_ = posix::read_at(file_, bytes_.get(), wanted, offset, "read", path_);
    base_ = offset;
  }

  const posix::descriptor& file_;
  const std::string& path_;
  std::uint64_t end_;
  std::unique_ptr<char[]> bytes_{};
  std::size_t room_ = 0, held_ = 0, ahead_ = 4'096;
  std::uint64_t base_ = 0;
};

[[nodiscard]] inline bool is_zero(file_window& in, std::uint64_t from, std::uint64_t to) {
  const auto part = in.at(from, static_cast<std::size_t>(to - from));
  return part.find_first_not_of('\0') == std::string_view::npos;
}
// Returns whether a sector of the disk between two offsets, or the part of one at an edge, was never written. At an
// edge fewer than 64 zeros are no sign.
[[nodiscard]] inline bool has_lost_part(file_window& in, std::uint64_t from, std::uint64_t to) {
  constexpr std::uint64_t sector = 512, least = 64;
  if (to - from <= sector && is_zero(in, from, to)) return true;
  for (auto at = from; at < to;) {
    const auto next = std::min(to, (at / sector + 1) * sector);
    if (next - at >= least && is_zero(in, at, next)) return true;
    at = next;
  }
  return false;
}

// A whole block. Its bytes are valid until the next one is read.
struct frame {
  std::uint64_t offset = 0, end = 0, count = 0;
  std::string_view bytes{};
};

class frame_reader {
 public:
  // Reads blocks from `offset` on, up to `end`.
  frame_reader(const posix::descriptor& file, const std::string& path, std::string_view sync, std::uint64_t offset,
               std::uint64_t end)
      : window_(file, path, end), sync_(sync), offset_(offset) {}

  // Returns where the next block begins.
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
  // Returns whether the last call of next() has found a block that is not whole.
  [[nodiscard]] bool is_torn() const noexcept { return is_torn_; }

  // Returns the next block, and nothing where the file ends, or is torn. Throws storage_error where it is damaged.
  [[nodiscard]] std::optional<frame> next() {
    constexpr std::size_t longest_number = 10;
    const auto start = window_.at(offset_, 2 * longest_number);
    if (start.empty()) return std::nullopt;
    try {
      avro::decoder head(start);
      const auto count = head.take_long();
      const auto size = head.take_long();
      if (count <= 0 || size < 0) return torn("has a block without objects");
      const auto body = offset_ + head.offset();
      const auto whole = static_cast<std::uint64_t>(size) + avro::sync_size;
      if (whole > window_.end() - body) return torn("has a block that is longer than the file");
      const auto end = body + whole;
      // The marker is looked at first, so that a size which is damaged does not take memory.
      if (window_.at(end - avro::sync_size, avro::sync_size) != sync_)
        return torn("has a block that does not end with the sync marker", end);
      const auto bytes = window_.at(body, static_cast<std::size_t>(size));
      if (bytes.size() != static_cast<std::size_t>(size)) return torn("became shorter while it was read");
      return frame{std::exchange(offset_, end), end, static_cast<std::uint64_t>(count), bytes};
    } catch (const avro::malformed& flaw) {
      return torn(flaw.what());
    }
  }
  // Tells that the block that was read last is not what it should be: returns when it is torn, and throws otherwise.
  void refuse(const frame& last, std::string_view what) {
    offset_ = last.offset;
    if (last.end != window_.end() || !has_lost_part(window_, last.offset, last.end))
      raise_damaged(window_.path(), last.offset, what);
    is_torn_ = true;
  }

 private:
  // A write that was torn leaves a part of its block: the marker is not there, or a part before it was never written
  // and is zero. Where a marker follows that is not the end of such a block, the file is damaged.
  std::optional<frame> torn(std::string_view what, std::uint64_t end = 0) {
    const auto all = window_.end();
    const auto marker = end_of_marker();
    const bool is_cut = marker == 0 && (end != all || is_zero(window_, all - avro::sync_size, all));
    const bool is_unwritten = (marker == 0 || marker == all) && has_lost_part(window_, offset_, all);
    if (!is_cut && !is_unwritten) raise_damaged(window_.path(), offset_, "it " + std::string(what));
    is_torn_ = true;
    return std::nullopt;
  }
  // Returns the end of the first marker from the offset on, and 0 when there is none.
  [[nodiscard]] std::uint64_t end_of_marker() {
    constexpr std::size_t step = std::size_t{128} << 10U;
    for (auto from = offset_; from < window_.end(); from += step) {
      const auto part = window_.at(from, step + avro::sync_size - 1);
      if (const auto found = part.find(sync_); found != std::string_view::npos) return from + found + avro::sync_size;
    }
    return 0;
  }
  file_window window_;
  std::string_view sync_;
  std::uint64_t offset_;
  bool is_torn_ = false;
};

}  // namespace must::detail::avro_log
