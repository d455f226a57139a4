// SPDX-License-Identifier: MIT
// A list of numbers that needs no allocation as long as they are few.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace must::detail::index {

template <typename Number, std::size_t Few>
class few_list {
 public:
  few_list() {}  // A place of few_ is written before it is read.

  void push_back(Number number) {
    if (size_ < Few) {
      few_[size_] = number;
    } else {
      if (size_ == Few) more_.assign(few_, few_ + Few);
      more_.push_back(number);
    }
    ++size_;
  }
  [[nodiscard]] const Number* begin() const noexcept { return size_ > Few ? more_.data() : few_; }
  [[nodiscard]] const Number* end() const noexcept { return begin() + size_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] bool contains(Number number) const noexcept { return std::find(begin(), end(), number) != end(); }

 private:
  Number few_[Few];
  std::size_t size_ = 0;
  std::vector<Number> more_{};
};

}  // namespace must::detail::index
