// SPDX-License-Identifier: MIT
// Commits as Avro container files: one commit an object of the log, many in a segment, which has an index of its
// blocks.
#pragma once

#include "must/avro/container.hpp"
#include "must/avro/decode.hpp"
#include "must/detail/crc32c.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/storage/durable/damage.hpp"
#include "must/storage/kit/row.hpp"
#include "must/storage/log/avro_commit.hpp"
#include "must/storage/log/commit.hpp"
#include "must/uuid.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must::detail::durable {

inline constexpr std::string_view index_name = "must.index";

// Calls `use()`, and names the object in what is wrong with its bytes. The bytes begin at an offset of the object.
template <typename Use>
decltype(auto) with_key(std::string_view key, Use&& use, std::uint64_t offset = 0) {
  try {
    return use();
  } catch (const avro::malformed& flaw) {
    raise_damaged(key, "it " + std::string(flaw.what()) + " at byte " + std::to_string(offset + flaw.offset()));
  } catch (const codec_error& why) {
    raise_damaged(key, why.error().message);
  } catch (const storage_error& why) {
    raise_damaged(key, why.error().message);
  }
}

[[nodiscard]] inline avro::container_header new_header() {
  avro::container_header made;
  made.metadata.emplace("avro.codec", "null");
  made.metadata.emplace("avro.schema", log::commit_schema);
  auto& random = random_source::of_this_thread();
  for (int i = 0; i < 2; ++i)
    for (auto bits = random(), end = made.sync.size() + 8; made.sync.size() < end; bits >>= 8U)
      made.sync += static_cast<char>(static_cast<unsigned char>(bits & 0xFFU));
  return made;
}
inline avro::container_header take_own_header(avro::decoder& from) {
  auto header = avro::take_header(from);
  if (header.codec() != "null")
    throw avro::malformed("has the codec \"" + std::string(header.codec()) + "\", and not \"null\",", 0);
  if (header.schema() != log::commit_schema) throw avro::malformed("has another schema than that of must", 0);
  return header;
}

// Returns the object of one commit.
[[nodiscard]] inline std::string log_object(const commit& of) {
  const auto header = new_header();
  const auto objects = log::encode_commit(of);
  std::string bytes;
  bytes.reserve(objects.size() + log::commit_schema.size() + 128);
  avro::append_header(bytes, header);
  avro::append_block(bytes, {of.events.size(), objects}, header.sync);
  return bytes;
}
// Reads the object of the commit that begins at a position.
[[nodiscard]] inline commit read_log_object(position first, std::string_view bytes) {
  const auto key = log_key(first);
  auto made = with_key(key, [&] {
    avro::decoder from(bytes);
    const auto header = take_own_header(from);
    const auto block = avro::take_block(from, header.sync);
    if (from.left() > 0) throw avro::malformed("goes on behind its commit", from.offset());
    return log::decode_commit(block.bytes, block.count);
  });
  if (made.first != first) raise_damaged(key, "its commit begins at position " + std::to_string(made.first));
  made.place = first;
  return made;
}

// The place of a block in a segment.
struct segment_point {
  position first = 0;
  std::uint64_t offset = 0;
};

// What the header of a segment tells of it.
struct segment_index {
  std::string sync{};
  std::vector<segment_point> points{};  // Some of the blocks, the first among them, by rising positions.
};

// Makes a segment of commits that follow each other.
class segment_writer {
 public:
  void add(const commit& one) {
    constexpr std::size_t step = 65'536;
    if (points_.empty() || blocks_.size() - points_.back().offset >= step)
      points_.push_back({one.first, blocks_.size()});
    last_ = one.last();
    avro::append_block(blocks_, {one.events.size(), log::encode_commit(one)}, header_.sync);
  }
  [[nodiscard]] bool empty() const noexcept { return points_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return blocks_.size(); }
  [[nodiscard]] position first() const noexcept { return points_.front().first; }
  [[nodiscard]] position last() const noexcept { return last_; }

  struct written {
    std::string bytes{};
    std::uint64_t header_bytes = 0;
  };
  // Returns the segment, and begins another.
  [[nodiscard]] written finish() {
    kit::row_writer index;
    index.integer(points_.size());
    for (const auto& point : points_) index.integer(point.first).integer(point.offset);
    index.integer(crc32c(index.bytes));
    header_.metadata.insert_or_assign(std::string(index_name), std::move(index.bytes));
    written made;
    avro::append_header(made.bytes, header_);
    made.header_bytes = made.bytes.size();
    made.bytes += blocks_;
    *this = segment_writer();
    return made;
  }

 private:
  avro::container_header header_ = new_header();
  std::string blocks_{};
  std::vector<segment_point> points_{};
  position last_ = 0;
};

// Reads the header of a segment. The offsets in the index are those of the object, then.
[[nodiscard]] inline segment_index read_segment_header(std::string_view key, std::string_view bytes) {
  return with_key(key, [&] {
    avro::decoder from(bytes);
    const auto header = take_own_header(from);
    const auto found = header.metadata.find(index_name);
    if (found == header.metadata.end()) throw avro::malformed("has no index of its blocks", 0);
    kit::row_reader packed(found->second);
    segment_index made{header.sync, {}};
    kit::row_writer same;
    const auto count = packed.up_to(found->second.size());
    same.integer(count);
    for (std::uint64_t i = 0; i < count; ++i) {
      const segment_point point{packed.integer(), packed.integer()};
      same.integer(point.first).integer(point.offset);
      if (i > 0 &&
          (point.first <= made.points.back().first || point.offset <= made.points.back().offset - bytes.size()))
        throw avro::malformed("has an index that does not rise", 0);
      made.points.push_back({point.first, point.offset + bytes.size()});
    }
    if (packed.integer() != crc32c(same.bytes) || !packed.done() || count == 0 || from.left() > 0)
      throw avro::malformed("has an index of its blocks with another CRC-32C", 0);
    return made;
  });
}

}  // namespace must::detail::durable
