// SPDX-License-Identifier: MIT
// What the index of events keeps of one event, and a query item in the same terms, with numbers for names.
#pragma once

#include "must/detail/arena.hpp"
#include "must/fwd.hpp"
#include "must/storage/index/few_list.hpp"
#include "must/stream_version.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace must::detail::index {

struct index_row {
  std::uint64_t identity = 0;  // The hash of source and id.
  must::version version = 0;
  std::uint32_t type = 0;
  std::uint32_t stream = 0;       // The number of the stream. 0 is no stream.
  std::uint32_t offset = 0;       // The number of events before it in its append.
  std::uint32_t append_size = 0;  // The number of events of its append.
  std::uint32_t tag_count = 0;
  union {
    std::uint32_t few[4];
    const std::uint32_t* many = nullptr;
  };

  static constexpr std::size_t room = 4;
  std::uint32_t* room_for_tags(std::size_t count, arena& memory) {
    std::uint32_t* ids = few;
    if (count > room)
      many = ids = static_cast<std::uint32_t*>(memory.allocate(count * sizeof(std::uint32_t), alignof(std::uint32_t)));
    tag_count = static_cast<std::uint32_t>(count);
    return ids;
  }
  [[nodiscard]] std::span<const std::uint32_t> tags() const noexcept {
    return {tag_count > room ? many : few, tag_count};
  }
};

// A query item whose names are all known.
struct index_filter {
  std::uint32_t stream = 0;            // The number of the stream. 0 is any stream.
  few_list<std::uint32_t, 6> types{};  // The numbers of the types. No types are any types.
  few_list<std::uint32_t, 6> tags{};

  [[nodiscard]] bool matches(const index_row& row) const noexcept {
    if (stream != 0 && row.stream != stream) return false;
    if (!types.empty() && !types.contains(row.type)) return false;
    const auto has = row.tags();
    return std::all_of(tags.begin(), tags.end(),
                       [&](std::uint32_t tag) { return std::find(has.begin(), has.end(), tag) != has.end(); });
  }
};

}  // namespace must::detail::index
