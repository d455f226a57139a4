// SPDX-License-Identifier: MIT
// at_exit does something when a scope ends, however that comes.
#pragma once

#include <utility>

namespace must::detail {

template <typename Work>
class at_exit {
 public:
  explicit at_exit(Work work) : work_(std::move(work)) {}
  at_exit(const at_exit&) = delete;
  at_exit& operator=(const at_exit&) = delete;
  ~at_exit() { work_(); }

 private:
  Work work_;
};

}  // namespace must::detail
