// SPDX-License-Identifier: MIT
// Transfers: a process manager that withdraws, deposits, and gives the money back when nobody takes it.
#pragma once

#include "account.hpp"

#include <must/model/process_manager.hpp>

#include <string>
#include <tuple>

namespace bank {

struct TransferRequested {
  static constexpr auto type = "bank.transfer-requested";
  std::string transfer, from, to;
  int amount;
  std::string stream() const { return "transfer/" + transfer; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(TransferRequested, transfer, from, to, amount)

struct RequestTransfer {
  std::string transfer, from, to;
  int amount;

  std::string command_id() const { return transfer; }  // twice the same request is one transfer
  static constexpr auto be_authorized = must::anyone;
  void be_valid() const { must::ensure(from != to, "a transfer needs two accounts"); }
  TransferRequested be_translated_to_events() const { return {transfer, from, to, amount}; }
};

struct Transfer {
  using events = must::events<TransferRequested, Withdrawn, Deposited>;
  using starts = must::events<TransferRequested>;
  using ends = must::events<Deposited>;
  using commands = must::commands<Withdraw, Deposit>;
  TransferRequested wanted{};

  static std::string key_of(const auto& event) { return event.transfer; }
  void apply(const TransferRequested& event) { wanted = event; }
  void apply(const Withdrawn&) {}
  void apply(const Deposited&) {}

  auto react(const TransferRequested& event) const { return Withdraw{event.from, event.transfer, event.amount}; }
  auto react(const Withdrawn& event) const { return Deposit{wanted.to, event.transfer, event.amount}; }
  auto react(const Deposited&) const { return std::tuple{}; }

  auto refused(const Withdraw&, const must::error&) const { return must::end_process{}; }
  auto refused(const Deposit&, const must::error&) const {
    return Deposit{wanted.from, wanted.transfer, wanted.amount};
  }
};

}  // namespace bank
