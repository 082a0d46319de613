#include <vef/backends/torch/own_blas.hpp>

#include <cstdint>
#include <span>
#include <string_view>

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

namespace vef {

namespace {

/// What the dynamic section of a loaded library says (System V ABI, chapter 5). Only 64-bit tables with
/// addends are read: x86-64 and aarch64.
struct tables {
  const ElfW(Sym) * symbols = nullptr;
  const char* names = nullptr;
  std::span<const ElfW(Rela)> calls;   // DT_JMPREL
  std::span<const ElfW(Rela)> objects; // DT_RELA
};

tables read_tables(const link_map& library) {
  tables out;
  const ElfW(Rela)* calls = nullptr, *objects = nullptr;
  std::size_t calls_size = 0, objects_size = 0;
  for (auto x = library.l_ld; x->d_tag != DT_NULL; ++x) {
    switch (x->d_tag) {
    case DT_SYMTAB: out.symbols = reinterpret_cast<const ElfW(Sym)*>(x->d_un.d_ptr); break;
    case DT_STRTAB: out.names = reinterpret_cast<const char*>(x->d_un.d_ptr); break;
    case DT_JMPREL: calls = reinterpret_cast<const ElfW(Rela)*>(x->d_un.d_ptr); break;
    case DT_PLTRELSZ: calls_size = x->d_un.d_val; break;
    case DT_RELA: objects = reinterpret_cast<const ElfW(Rela)*>(x->d_un.d_ptr); break;
    case DT_RELASZ: objects_size = x->d_un.d_val; break;
    default: break;
    }
  }
  if (calls) out.calls = {calls, calls_size / sizeof *calls};
  if (objects) out.objects = {objects, objects_size / sizeof *objects};
  return out;
}

#if defined(__x86_64__)
bool fills_a_slot(std::uint32_t type) { return type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT; }
#elif defined(__aarch64__)
bool fills_a_slot(std::uint32_t type) { return type == R_AARCH64_JUMP_SLOT || type == R_AARCH64_GLOB_DAT; }
#else
bool fills_a_slot(std::uint32_t) { return false; }
#endif

// Fortran's names: lower case and digits with an underscore behind, as BLAS and LAPACK have them.
bool is_fortran(std::string_view name) {
  if (name.size() < 4 || name.back() != '_' || name.front() == '_') return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == name.npos;
}

void write_slot(std::uintptr_t* slot, std::uintptr_t value) {
  // The loader may have made the table read-only when it had filled it.
  auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  auto start = reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(slot) & ~(page - 1));
  if (mprotect(start, page, PROT_READ | PROT_WRITE) == 0) *slot = value;
}

void point_back(const link_map& library) {
  auto from = read_tables(library);
  if (!from.symbols || !from.names) return;
  for (auto part : {from.calls, from.objects}) {
    for (const auto& x : part) {
      if (!fills_a_slot(static_cast<std::uint32_t>(ELF64_R_TYPE(x.r_info)))) continue;
      const auto& symbol = from.symbols[ELF64_R_SYM(x.r_info)];
      auto own = symbol.st_shndx != SHN_UNDEF && ELF64_ST_TYPE(symbol.st_info) == STT_FUNC;
      if (!own || !is_fortran(from.names + symbol.st_name)) continue;
      auto slot = reinterpret_cast<std::uintptr_t*>(library.l_addr + x.r_offset);
      auto value = library.l_addr + symbol.st_value;
      if (*slot != value) write_slot(slot, value);
    }
  }
}

} // namespace

void use_own_blas() {
  static const auto done = [] {
    auto library = dlopen("libtorch_cpu.so", RTLD_NOW | RTLD_NOLOAD);
    link_map* map = nullptr;
    if (library && dlinfo(library, RTLD_DI_LINKMAP, &map) == 0 && map) point_back(*map);
    if (library) dlclose(library);
    return true;
  }();
  static_cast<void>(done);
}

} // namespace vef
