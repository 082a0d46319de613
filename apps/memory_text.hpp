#pragma once

#include <vef/messages/status.hpp>

#include <string>

namespace vef {

/// The governor's books as tables for people: the memory of each device, who holds it, what is known of each
/// model, who left last and why. Tables without a row are left out.
std::string memory_text(const memory_status& x);

} // namespace vef
