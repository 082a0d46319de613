#include <vef/apps/search_commands.hpp>

#include <vef/apps/json.hpp>
#include <vef/apps/scenes.hpp>
#include <vef/apps/session.hpp>
#include <vef/apps/table.hpp>
#include <vef/apps/vectors_file.hpp>
#include <vef/backends/image/contact_sheet.hpp>

#include <cmath>
#include <unordered_map>

namespace vef {

namespace {

constexpr std::size_t matches_in_a_line = 3;
constexpr std::size_t sheet_rows = 12; // unless somebody says how many

std::string similarity_text(float x) {
  char text[16];
  std::snprintf(text, sizeof text, "%.3f", static_cast<double>(x));
  return text;
}

double rounded(float x) { return std::round(static_cast<double>(x) * 1e6) / 1e6; }

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// The pictures of a file of vectors, with names as short as they may be.
struct gallery {
  vectors_file file;
  std::string folder;                                 ///< that all of them are in
  std::unordered_map<std::string, std::size_t> names; ///< how many have the name without folders

  static result<gallery> open(const std::string& in) {
    auto file = vectors_file::open(in);
    if (!file) return fail(file.error());
    gallery x{*file, common_folder(file->paths()), {}};
    for (const auto& path : file->paths()) ++x.names[base_name(path)];
    return x;
  }

  std::string name(std::size_t row) const {
    const auto& path = file.path(row);
    auto base = base_name(path);
    return printable(names.at(base) == 1 ? base : path.substr(folder.size()));
  }
  std::string heading() const {
    auto where = folder.empty() ? std::string{} : " in " + keep_end(printable(folder), page_width - 30);
    return count(file.rows(), "picture") + where + "\n\n";
  }
  sheet_cell answer(const match& x) const {
    auto path = file.path(x.row);
    return {path, similarity_text(x.similarity) + ' ' + base_name(path)};
  }
  json to_json(const match& x) const {
    return {{"path", file.path(x.row)}, {"row", x.row}, {"similarity", rounded(x.similarity)}};
  }
  json to_json(const std::vector<match>& matches) const {
    auto out = json::array();
    for (const auto& x : matches) out.push_back(to_json(x));
    return out;
  }
};

sheet_cell question(const std::string& path) { return {path, base_name(path)}; }

exit_code draw(const std::vector<std::vector<sheet_cell>>& rows, const std::string& sheet, bool quiet,
               console& out) {
  if (auto drawn = write_contact_sheet(rows, sheet); !drawn) {
    complain(out, drawn.error());
    return exit_code::nothing_done;
  }
  if (!quiet) out.say("vef: wrote " + printable(sheet));
  return exit_code::ok;
}

// -- similar
// ---------------------------------------------------------------------------------------------------

/// The run that a file of vectors came from; without its description, a model has to be named.
result<run_facts> facts_of(const similar_options& options) {
  auto files = output_paths::of(options.in);
  if (!files) return fail(files.error());
  auto facts = read_run_facts(files->facts);
  if (facts || options.model.empty()) return facts;
  return run_facts{.model = options.model};
}

result<embeddings> embed_one(const similar_options& options, common_options common, std::size_t dim) {
  auto facts = facts_of(options);
  if (!facts) return fail(facts.error());
  if (common.nodes.empty()) { // a node has models of its own
    if (common.models.empty()) common.models = facts->models;
    if (common.checkpoints.empty()) common.checkpoints = facts->settings;
  }
  auto opened = session::open(common, options.model);
  if (!opened) return fail(opened.error());
  auto model = opened->find(options.model.empty() ? facts->model : options.model);
  if (!model) return fail(model.error());
  if (model->model.embed_dim != dim)
    return fail(errc::invalid_argument, vef::quoted(options.in) + " has vectors of " + std::to_string(dim)
                                            + " numbers, " + vef::quoted(model->model.id) + " gives "
                                            + std::to_string(model->model.embed_dim));
  return opened->runtime().embed({.service = model->service,
                                  .model = model->model.id,
                                  .images = {options.image},
                                  .variant = facts->variant});
}

// The picture itself may be among those that are searched.
bool is_itself(const std::string& a, const std::string& b) {
  std::error_code none;
  return a == b || std::filesystem::equivalent(a, b, none);
}

std::string similar_text(const gallery& pictures, const std::vector<match>& found) {
  table rows{{{"similarity", column_kind::number}, {"picture", column_kind::path}}};
  for (const auto& x : found) rows.add({similarity_text(x.similarity), printable(pictures.file.path(x.row))});
  return rows.text();
}

// -- neighbours
// ------------------------------------------------------------------------------------------------

std::string neighbours_text(const gallery& pictures, const std::vector<std::vector<match>>& found,
                            const std::vector<std::size_t>& chosen, std::size_t k) {
  auto across = std::min(k, matches_in_a_line);
  std::vector<column> columns{{"picture", column_kind::path}};
  for (std::size_t i = 0; i < across; ++i) {
    columns.push_back({"", column_kind::number});
    columns.push_back({i == 0 ? "nearest" : "", column_kind::path});
  }
  table rows{columns};
  for (auto row : chosen) {
    std::vector<std::string> cells{pictures.name(row)};
    for (const auto& x : found[row]) {
      if (cells.size() == columns.size()) rows.add(std::exchange(cells, {""}));
      cells.push_back(similarity_text(x.similarity));
      cells.push_back(pictures.name(x.row));
    }
    cells.resize(columns.size());
    rows.add(std::move(cells));
  }
  return pictures.heading() + rows.text();
}

json neighbours_json(const gallery& pictures, const std::vector<std::vector<match>>& found,
                     const std::vector<std::size_t>& chosen) {
  auto out = json::array();
  for (auto row : chosen)
    out.push_back(
        {{"path", pictures.file.path(row)}, {"row", row}, {"neighbours", pictures.to_json(found[row])}});
  return out;
}

// -- duplicates
// ------------------------------------------------------------------------------------------------

std::string duplicates_text(const gallery& pictures, const std::vector<std::vector<std::size_t>>& groups,
                            double threshold) {
  auto limit = similarity_text(static_cast<float>(threshold));
  auto among = " among " + count(pictures.file.rows(), "picture");
  if (groups.empty()) return "no pictures of similarity " + limit + " or more" + among + '\n';
  auto vectors = pictures.file.vectors();
  table rows{
      {{"group", column_kind::number}, {"similarity", column_kind::number}, {"picture", column_kind::path}}};
  for (std::size_t g = 0; g < groups.size(); ++g) {
    if (g > 0) rows.add({"", "", ""});
    for (auto row : groups[g]) {
      auto first = row == groups[g].front();
      rows.add({first ? std::to_string(g + 1) : "",
                first ? "" : similarity_text(cosine(vectors.row(groups[g].front()), vectors.row(row))),
                printable(pictures.file.path(row))});
    }
  }
  return count(groups.size(), "group") + " of similarity " + limit + " or more" + among + "\n\n"
         + rows.text();
}

json duplicates_json(const gallery& pictures, const std::vector<std::vector<std::size_t>>& groups) {
  auto vectors = pictures.file.vectors();
  auto out = json::array();
  for (const auto& group : groups) {
    auto members = json::array();
    for (auto row : group)
      members.push_back(pictures.to_json(match{row, cosine(vectors.row(group.front()), vectors.row(row))}));
    out.push_back(std::move(members));
  }
  return out;
}

} // namespace

exit_code similar_command(const similar_options& options, const common_options& common, console& out) {
  auto pictures = gallery::open(options.in);
  if (!pictures) return refuse(out, pictures.error());
  auto vectors = pictures->file.vectors();
  auto asked = embed_one(options, common, vectors.dim);
  if (!asked) return refuse(out, asked.error());
  if (!asked->all_ok()) {
    complain(out, (*asked)[0].error());
    return exit_code::nothing_done;
  }
  auto found = most_similar(vectors, (*asked)[0].vector(), options.k + 1, thread_count(common));
  std::erase_if(found, [&](const match& x) { return is_itself(pictures->file.path(x.row), options.image); });
  if (found.size() > options.k) found.resize(options.k);
  auto text = options.as_json ? to_page({{"image", options.image}, {"matches", pictures->to_json(found)}})
                              : similar_text(*pictures, found);
  auto code = print(out, text);
  if (options.sheet.empty() || code != exit_code::ok) return code;
  std::vector<sheet_cell> row{question(options.image)};
  for (const auto& x : found) row.push_back(pictures->answer(x));
  return draw({row}, options.sheet, common.quiet, out);
}

exit_code neighbours_command(const neighbours_options& options, const common_options& common, console& out) {
  auto pictures = gallery::open(options.in);
  if (!pictures) return refuse(out, pictures.error());
  auto found = nearest_neighbours(pictures->file.vectors(), options.k, thread_count(common));
  auto scenes = closest_scenes(found, options.rows > 0 ? options.rows : sheet_rows);
  auto chosen = scenes;
  if (options.rows == 0) {
    chosen.resize(found.size());
    for (std::size_t i = 0; i < chosen.size(); ++i) chosen[i] = i;
  }
  auto text = options.as_json ? to_page(neighbours_json(*pictures, found, chosen))
                              : neighbours_text(*pictures, found, chosen, options.k);
  auto code = print(out, text);
  if (options.sheet.empty() || code != exit_code::ok) return code;
  std::vector<std::vector<sheet_cell>> rows;
  for (auto scene : scenes) {
    auto& row = rows.emplace_back();
    row.push_back(question(pictures->file.path(scene)));
    for (const auto& x : found[scene]) row.push_back(pictures->answer(x));
  }
  return draw(rows, options.sheet, common.quiet, out);
}

exit_code duplicates_command(const duplicates_options& options, const common_options& common, console& out) {
  auto pictures = gallery::open(options.in);
  if (!pictures) return refuse(out, pictures.error());
  auto groups =
      similar_groups(pictures->file.vectors(), static_cast<float>(options.threshold), thread_count(common));
  return print(out, options.as_json ? to_page(duplicates_json(*pictures, groups))
                                    : duplicates_text(*pictures, groups, options.threshold));
}

} // namespace vef
