// SPDX-License-Identifier: MIT
// One result for each item of a batch, so that the error of one item is not that of its neighbours.
#pragma once

#include "must/detail/current_error.hpp"
#include "must/error.hpp"
#include "must/query.hpp"
#include "must/result.hpp"
#include "must/storage.hpp"

#include <cstddef>
#include <new>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace must::kit {

/// Appends one item of a batch. Returns what `append()` returns, or the error that it throws. A storage_error passes
/// through, since it concerns the batch as a whole. A std::bad_alloc and the like become an error as well, so `append`
/// stores its item whole or not at all, however it ends.
template <typename Append>
[[nodiscard]] result<append_result> item_result(Append&& append) {
  try {
    return append();
  } catch (const storage_error&) {
    throw;
  } catch (...) {
    try {
      return unexpected<error>(detail::current_error("append"));
    } catch (const std::bad_alloc&) {  // There is no memory for the words.
      return unexpected<error>(error{.code = error_code::storage_error});
    }
  }
}

/// Appends the items of a batch that are good input, and gives each item its result, in order.
///
/// `check(item)` throws for an item that is not good. `append(good)` gets pointers to the others, in order, and returns
/// one result for each of them. It is not called when there are none. What it throws passes through.
template <typename Data, typename Check, typename Append>
[[nodiscard]] std::vector<result<append_result>> append_good(std::span<const batch_item<Data>> items, Check&& check,
                                                             Append&& append) {
  std::vector<std::optional<error>> refused(items.size());
  std::vector<const batch_item<Data>*> good;
  good.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    auto checked = item_result([&]() -> append_result {
      check(items[i]);
      return appended{};
    });
    if (checked)
      good.push_back(&items[i]);
    else
      refused[i] = std::move(checked.error());
  }
  std::vector<result<append_result>> answers;
  if (!good.empty()) answers = append(good);
  if (good.size() == items.size()) return answers;
  std::vector<result<append_result>> all;
  all.reserve(items.size());
  std::size_t next = 0;
  for (auto& why : refused) {
    if (why)
      all.push_back(unexpected<error>(*std::move(why)));
    else
      all.push_back(std::move(answers.at(next++)));
  }
  return all;
}

}  // namespace must::kit
