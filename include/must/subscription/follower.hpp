// SPDX-License-Identifier: MIT
// follower, public: which subscription is meant, be it one of its own, or that of a process manager or of a view.
#pragma once

#include "must/stored_names.hpp"

#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace must {

/// The name of a subscription. The text that names a must::subscription converts to it.
class follower {
 public:
  /// The kinds of what a subscription belongs to.
  enum class kind : std::uint8_t { subscription, process_manager, view };

  /// Names the must::subscription of that name.
  template <typename Name>
    requires std::convertible_to<Name, std::string>
  follower(Name&& name) : name_(std::forward<Name>(name)), cell_(stored_names::subscription(name_)) {}
  /// Names the subscription of a process manager.
  [[nodiscard]] static follower process_manager(std::string name) {
    auto cell = stored_names::process_subscription(name);
    return {kind::process_manager, std::move(name), 0, std::move(cell)};
  }
  /// Names the subscription of one version of a view.
  [[nodiscard]] static follower view(std::string name, unsigned which) {
    auto cell = stored_names::view_subscription(name, which);
    return {kind::view, std::move(name), which, std::move(cell)};
  }
  /// Returns the subscription whose checkpoint has that key, or nothing when the key is not that of a checkpoint.
  [[nodiscard]] static std::optional<follower> of_key(std::string_view key) {
    if (!key.starts_with(stored_names::subscriptions)) return std::nullopt;
    key.remove_prefix(stored_names::subscriptions.size());
    const auto end = key.find('@');
    const auto name = stored_names::unescaped(key.substr(0, end));
    if (!name) return std::nullopt;
    if (end == std::string_view::npos) return follower(*name);
    const auto suffix = key.substr(end + 1);
    if (suffix == "process") return process_manager(*name);
    unsigned number = 0;
    const auto read = std::from_chars(suffix.data(), suffix.data() + suffix.size(), number);
    if (read.ptr != suffix.data() + suffix.size() || number == 0 || suffix != std::to_string(number))
      return std::nullopt;
    return view(*name, number);
  }

  [[nodiscard]] kind what() const noexcept { return what_; }                ///< What the subscription belongs to.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }  ///< The name, without the version.
  [[nodiscard]] unsigned version() const noexcept { return version_; }      ///< The version of a view, or 0.

  /// Returns the name as messages show it. The version of a view follows after "@".
  [[nodiscard]] std::string shown() const {
    return what_ == kind::view ? name_ + "@" + std::to_string(version_) : name_;
  }
  /// Returns the key of the cell of the checkpoint.
  [[nodiscard]] const stored_names::name& cell() const noexcept { return cell_; }

  friend bool operator==(const follower& left, const follower& right) { return left.cell_.now == right.cell_.now; }

 private:
  follower(kind what, std::string name, unsigned version, stored_names::name cell)
      : what_(what), name_(std::move(name)), version_(version), cell_(std::move(cell)) {}

  kind what_ = kind::subscription;
  std::string name_;
  unsigned version_ = 0;
  stored_names::name cell_;
};

}  // namespace must
