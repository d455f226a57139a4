// SPDX-License-Identifier: MIT
// inbox: does the work of a receiver once for each event, in one transaction with the note that the event was received.
#pragma once

#include "must/detail/digest.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/storage/transactional.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace must {

/// Does the work of a receiver once for each event, however often the event arrives.
///
/// The note of an event that was received, by source and id, is a cell of the store. It is stored in the transaction
/// that the work writes in, and kept for ever. Of threads and processes that receive one event at once, one does the
/// work.
/// must::deduplicator needs no store. \see CloudEvents 1.0.2, "id"
template <TransactionalStorage S>
  requires CellStorage<S>
class inbox {
 public:
  using transaction = typename S::transaction;  ///< The type of the transaction that the work runs in.

  /// Makes an inbox for one receiver.
  /// \param storage  the store that keeps the notes, which outlives the inbox
  /// \param name     the name of the receiver, 1 to 400 bytes. Each name has notes of its own.
  /// \throws bad_input  when the name is out of range
  inbox(S& storage, const std::string& name) : storage_(&storage), prefix_("must/inbox/" + name + "/") {
    kit::check_name("name", name);
    if (name.size() > 400) kit::refuse_input("name", "is longer than 400 bytes");
  }

  /// Calls `work(transaction&)` for an event that is new.
  /// \returns whether the event was new. When it was not, nothing is called.
  /// \throws ...  what the work throws. Then nothing is written, and the event stays new.
  /// \throws storage_error  when the store fails
  /// \throws outcome_unknown  when it is not known whether the work is stored. The same call again finds out.
  template <typename Work>
  bool receive(std::string_view source, std::string_view id, Work&& work) {
    const auto key = prefix_ + detail::content_digest(std::pair(std::string(source), std::string(id)));
    return storage_->put_with(key, "", 0, [&](transaction& in) { work(in); });
  }
  /// Calls `work(transaction&)` for an event that is new, as receive does by source and id.
  template <typename Data, typename Work>
  bool receive(const basic_event<Data>& event, Work&& work) {
    return receive(event.source, event.id, std::forward<Work>(work));
  }

 private:
  S* storage_;
  std::string prefix_;
};

}  // namespace must
