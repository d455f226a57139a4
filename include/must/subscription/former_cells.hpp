// SPDX-License-Identifier: MIT
// The cells of a subscription under the names that earlier releases gave them: they are found, and moved.
#pragma once

#include "must/query.hpp"
#include "must/storage.hpp"
#include "must/stored_names.hpp"
#include "must/subscription/checkpoint.hpp"
#include "must/subscription/fenced_cell.hpp"
#include "must/subscription/follower.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace must::detail::following {

// The content of a cell of a former name once its content has moved. An earlier release does not read it.
inline constexpr std::string_view moved_mark = "moved";

// Returns how many fields an earlier release wrote after the owner, or nothing where it wrote no such cell.
inline std::optional<std::size_t> count_owned_fields(std::string_view bytes) {
  const auto all = split_fields(bytes);
  if (all.size() < 4 || all[0] != "1") return std::nullopt;
  return all.size() - 4;
}

// Earlier releases joined names: "process/orders" was a subscription, or that of the process manager "orders". It is
// the latter's where that, or a view of such a name, has left a trace of its own.
template <CellStorage S>
bool has_trace_of_process(S& storage, std::string_view manager) {
  bool found = false;
  if (manager.empty()) return found;
  static_cast<void>(storage.read(query::of_tags({stored_names::process_tag(manager)}), {.limit = 1},
                                 [&](const auto&) { found = true; }));
  return found;
}
template <CellStorage S>
bool has_trace_of_view(S& storage, std::string_view view) {
  if (view.empty()) return false;
  const auto name = stored_names::view(view);
  return storage.get(name.now) || (name.has_former() && storage.get(name.former));
}
template <CellStorage S>
bool owns_former_name(S& storage, const follower& who) {
  const std::string_view name = who.name();
  switch (who.what()) {
    case follower::kind::process_manager: return has_trace_of_process(storage, name);
    case follower::kind::view: return has_trace_of_view(storage, name);
    case follower::kind::subscription: break;
  }
  constexpr std::string_view process = "process/";
  if (name.starts_with(process) && has_trace_of_process(storage, name.substr(process.size()))) return false;
  const auto at = name.rfind('@');
  const bool is_versioned = at != std::string_view::npos && at + 1 < name.size() &&
                            std::all_of(name.begin() + static_cast<std::ptrdiff_t>(at) + 1, name.end(),
                                        [](char c) { return c >= '0' && c <= '9'; });
  return !is_versioned || !has_trace_of_view(storage, name.substr(0, at));
}

// Returns the checkpoint under its former name, if there is one that is this follower's and has not moved.
template <CellStorage S>
std::optional<cell> find_former_checkpoint(S& storage, const follower& who) {
  if (!who.cell().has_former()) return std::nullopt;
  auto found = storage.get(who.cell().former);
  if (!found || count_owned_fields(found->bytes) != checkpoint::least_fields) return std::nullopt;
  if (!owns_former_name(storage, who)) return std::nullopt;
  return found;
}
// Returns a cell of a follower, under either name. An empty part is the checkpoint.
template <CellStorage S>
std::optional<cell> find_cell(S& storage, const follower& who, std::string_view part = {}) {
  const auto name = part.empty() ? who.cell() : stored_names::beside(who.cell(), part);
  auto found = storage.get(name.now);
  if (found || !name.has_former() || storage.get(who.cell().now)) return found;
  auto former = find_former_checkpoint(storage, who);
  return part.empty() || !former ? former : storage.get(name.former);
}

template <CellStorage S>
void overwrite(S& storage, const std::string& key, std::string_view bytes) {
  for (;;) {
    const auto before = storage.get(key);
    if (storage.put(key, bytes, before ? before->revision : 0)) return;
  }
}
// Returns whether an earlier release wrote this cell beside a checkpoint, and not for a follower of a longer name.
inline bool is_former_part(std::string_view part, std::string_view bytes) {
  const auto count = count_owned_fields(bytes);
  if (part == "parked") return count && *count % 6 == 1;
  if (part.starts_with("lane/")) return count && *count == 1;
  return part.starts_with("attempts/") && count && *count == 2;
}
// Moves a cell. The caller owns the cell of the former name, and nothing stands under the present one. The checkpoint
// moves last.
template <CellStorage S>
void move_former_cells(S& storage, const follower& who, const owned_fields& content) {
  const auto prefix = who.cell().former + "/";
  for (const auto& key : storage.list(prefix)) {
    const auto part = std::string_view(key).substr(prefix.size());
    const auto found = storage.get(key);
    if (found && is_former_part(part, found->bytes))
      overwrite(storage, who.cell().now + "/" + std::string(part), found->bytes);
  }
  auto free = content;
  free.by.owner.clear();
  static_cast<void>(storage.put(who.cell().now, free.bytes(), 0));
  overwrite(storage, who.cell().former, moved_mark);
}

}  // namespace must::detail::following
