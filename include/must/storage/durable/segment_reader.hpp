// SPDX-License-Identifier: MIT
// Reads commits from the segments of a durable log, by ranges, through a cache that is bounded by bytes.
#pragma once

#include "must/avro/container.hpp"
#include "must/avro/decode.hpp"
#include "must/fwd.hpp"
#include "must/storage/durable/attempts.hpp"
#include "must/storage/durable/avro_objects.hpp"
#include "must/storage/durable/damage.hpp"
#include "must/storage/durable/manifest.hpp"
#include "must/storage/log/avro_commit.hpp"
#include "must/storage/log/commit.hpp"
#include "must/storage/objects.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace must::detail::durable {

// A part of a segment, from one point of its index to another.
struct segment_part {
  std::string key{};
  std::uint64_t offset = 0;
  std::string bytes{};

  [[nodiscard]] std::uint64_t end() const noexcept { return offset + bytes.size(); }
};

// The parts and the indexes that were used last. Any number of threads may use a cache.
class segment_cache {
 public:
  using shared_part = std::shared_ptr<const segment_part>;
  using shared_index = std::shared_ptr<const segment_index>;

  explicit segment_cache(std::size_t bytes) : most_bytes_(bytes) {}

  [[nodiscard]] shared_part find(std::string_view key, std::uint64_t offset) {
    const std::lock_guard lock(mutex_);
    const auto holds = [&](const shared_part& one) {
      return one->offset <= offset && offset < one->end() && one->key == key;
    };
    const auto found = std::find_if(parts_.begin(), parts_.end(), holds);
    if (found == parts_.end()) return nullptr;
    std::rotate(found, found + 1, parts_.end());  // The last ones stay longest.
    return parts_.back();
  }
  void keep(shared_part part) {
    const std::lock_guard lock(mutex_);
    bytes_ += part->bytes.size();
    parts_.push_back(std::move(part));
    auto kept = parts_.begin();
    for (; kept != parts_.end() && bytes_ > most_bytes_; ++kept) bytes_ -= (*kept)->bytes.size();
    parts_.erase(parts_.begin(), kept);
  }
  [[nodiscard]] shared_index find_index(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto found = indexes_.find(key);
    return found == indexes_.end() ? nullptr : found->second;
  }
  void keep_index(const std::string& key, shared_index index) {
    constexpr std::size_t most = 1'024;
    const std::lock_guard lock(mutex_);
    if (indexes_.size() >= most) indexes_.clear();
    indexes_.insert_or_assign(key, std::move(index));
  }

 private:
  std::size_t most_bytes_;
  std::mutex mutex_{};
  std::size_t bytes_ = 0;
  std::vector<shared_part> parts_{};
  std::unordered_map<std::string, shared_index> indexes_{};
};

template <ObjectStorage O>
class segment_reader {
 public:
  segment_reader(O& objects, std::size_t cache_bytes) : objects_(objects), cache_(cache_bytes) {}

  // Visits the commits of the segments that begin above `after`, until the visitor returns false. Returns false when a
  // segment is not there, which is so when another manifest does not name it any more.
  template <typename Visit>
  bool read(const manifest& of, position after, attempts& tries, Visit&& visit) {
    const auto holds = [&](const segment_entry& one) { return one.last <= after; };
    bool goes_on = true;
    for (auto one = std::partition_point(of.segments.begin(), of.segments.end(), holds);
         goes_on && one != of.segments.end(); ++one)
      if (!read(*one, after, tries, goes_on, visit)) return false;
    return true;
  }

 private:
  static constexpr std::uint64_t first_size = 65'536, most_size = std::uint64_t{4} << 20U;

  template <typename Visit>
  bool read(const segment_entry& segment, position after, attempts& tries, bool& goes_on, Visit& visit) {
    const auto index = index_of(segment, tries);
    if (!index) return false;
    const auto is_before = [&](const segment_point& one) { return one.first <= after + 1; };
    auto point = std::partition_point(index->points.begin(), index->points.end(), is_before);
    if (point != index->points.begin()) --point;
    auto next = point->first;
    auto at = point->offset;
    for (auto size = first_size; at < segment.bytes; size = std::min(4 * size, most_size)) {
      const auto part = part_at(segment, *index, at, size, tries);
      if (!part) return false;
      for (avro::decoder from(std::string_view(part->bytes).substr(at - part->offset), at); from.left() > 0;) {
        auto made = take(segment, from, index->sync, next, after);
        if (!made) continue;
        goes_on = visit(*std::move(made));
        if (!goes_on) return true;
      }
      at = part->end();
      size = std::max<std::uint64_t>(size, part->bytes.size());
    }
    if (next != segment.last + 1)
      raise_damaged(segment.key, "it does not end with position " + std::to_string(segment.last));
    return true;
  }
  // Takes the commit of the next block, unless it begins at `after` or below.
  static std::optional<commit> take(const segment_entry& segment, avro::decoder& from, std::string_view sync,
                                    position& next, position after) {
    const auto start = from.offset();
    const auto block = with_key(segment.key, [&] { return avro::take_block(from, sync); });
    const auto first = next;
    next += block.count;
    if (block.count == 0 || next > segment.last + 1)
      raise_damaged(segment.key, "the block at byte " + std::to_string(start) + " does not hold the next positions");
    if (first <= after) return std::nullopt;
    auto made = with_key(segment.key, [&] { return log::decode_commit(block.bytes, block.count); });
    if (made.first != first)
      raise_damaged(segment.key, "the commit at byte " + std::to_string(start) + " begins at another position");
    made.place = first;
    return made;
  }

  [[nodiscard]] segment_cache::shared_index index_of(const segment_entry& segment, attempts& tries) {
    if (auto known = cache_.find_index(segment.key)) return known;
    const auto found = get(segment, 0, segment.header_bytes, tries);
    if (!found) return nullptr;
    auto made = std::make_shared<const segment_index>(read_segment_header(segment.key, *found));
    if (made->points.front().first != segment.first || made->points.front().offset != segment.header_bytes)
      raise_damaged(segment.key, "it does not begin with position " + std::to_string(segment.first));
    cache_.keep_index(segment.key, made);
    return made;
  }
  [[nodiscard]] segment_cache::shared_part part_at(const segment_entry& segment, const segment_index& index,
                                                   std::uint64_t at, std::uint64_t size, attempts& tries) {
    if (auto known = cache_.find(segment.key, at)) return known;
    const auto is_within = [&](const segment_point& one) { return one.offset < at + size; };
    const auto end = std::partition_point(index.points.begin(), index.points.end(), is_within);
    const auto size_of_part = (end == index.points.end() ? segment.bytes : end->offset) - at;
    auto found = get(segment, at, size_of_part, tries);
    if (!found) return nullptr;
    auto made = std::make_shared<const segment_part>(segment_part{segment.key, at, *std::move(found)});
    cache_.keep(made);
    return made;
  }
  [[nodiscard]] std::optional<std::string> get(const segment_entry& segment, std::uint64_t offset, std::uint64_t size,
                                               attempts& tries) {
    auto found = tries.read([&] { return objects_.get(segment.key, {offset, size}); });
    if (!found) return std::nullopt;
    if (found->size != segment.bytes || found->bytes.size() != size)
      raise_damaged(segment.key, "it has " + std::to_string(found->size) + " bytes, and " +
                                     std::to_string(segment.bytes) + " were written");
    return std::move(found->bytes);
  }

  O& objects_;
  segment_cache cache_;
};

}  // namespace must::detail::durable
