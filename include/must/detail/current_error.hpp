// SPDX-License-Identifier: MIT
// The exception that is being handled, as an error.
#pragma once

#include "must/error.hpp"
#include "must/text/quoted.hpp"

#include <exception>
#include <string_view>

namespace must::detail {

// Returns the exception that a catch block handles. One of `must` tells all, any other becomes storage_error of
// `operation`.
inline error current_error(std::string_view operation) {
  try {
    throw;
  } catch (const exception& why) {
    return why.error();
  } catch (const std::exception& why) {
    return {.code = error_code::storage_error, .message = text::printable(why.what()), .operation = operation};
  } catch (...) {
    return {.code = error_code::storage_error,
            .message = "something was thrown that is no std::exception",
            .operation = operation};
  }
}

}  // namespace must::detail
