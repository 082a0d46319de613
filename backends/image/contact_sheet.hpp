#pragma once

#include <vef/messages/errors.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace vef {

/// One cell of a contact sheet: a picture and the line below it.
struct sheet_cell {
  std::string path;
  std::string caption;
};

/// Draws rows of thumbnails with captions and writes them as a PNG. The first cell of each row is set apart
/// from the others (it is the question, they are the answers). A picture that can't be decoded becomes a grey
/// cell with its error's word. Errors: invalid_argument if there is nothing to draw or the sheet would exceed
/// 16384 pixels, cannot_write.
result<void> write_contact_sheet(const std::vector<std::vector<sheet_cell>>& rows,
                                 const std::filesystem::path& file, unsigned thumbnail = 160);

} // namespace vef
