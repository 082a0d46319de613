# Finds the CPU part of LibTorch: a folder with include/ATen and lib/libtorch_cpu.so. The wheel's own TorchConfig.cmake
# is not used, because it insists on a CUDA toolkit.
#
# Searched in this order: VEF_TORCH_ROOT (variable, then environment), Torch_DIR, CMAKE_PREFIX_PATH, and the cache
# folder into which `./dev deps` unpacks the pinned wheel.
#
# Defines LibTorch_FOUND, LibTorch_VERSION and the target LibTorch::cpu.
include(FindPackageHandleStandardArgs)

if(EXISTS /usr/include/ATen)
  message(FATAL_ERROR "Debian's libtorch-dev puts ATen into /usr/include, where it shadows every other LibTorch, and its "
    "version 1.13 does not load what today's PyTorch exports. Remove it: apt-get remove libtorch-dev")
endif()

set(_cache "$ENV{VEF_CACHE}")
if(NOT _cache)
  set(_cache "$ENV{XDG_CACHE_HOME}")
  if(NOT _cache)
    set(_cache "$ENV{HOME}/.cache")
  endif()
  string(APPEND _cache "/vef")
endif()
file(GLOB _cached "${_cache}/libtorch-*/torch")
list(SORT _cached COMPARE NATURAL ORDER DESCENDING)

find_path(LibTorch_INCLUDE_DIR ATen/ATen.h NO_CMAKE_SYSTEM_PATH
  HINTS "${VEF_TORCH_ROOT}" "$ENV{VEF_TORCH_ROOT}" "${Torch_DIR}/../../.." ${CMAKE_PREFIX_PATH} ${_cached}
  PATH_SUFFIXES include torch/include)
get_filename_component(_root "${LibTorch_INCLUDE_DIR}" DIRECTORY)
find_library(LibTorch_CPU_LIBRARY torch_cpu PATHS "${_root}/lib" NO_DEFAULT_PATH)
find_library(LibTorch_C10_LIBRARY c10 PATHS "${_root}/lib" NO_DEFAULT_PATH)
mark_as_advanced(LibTorch_INCLUDE_DIR LibTorch_CPU_LIBRARY LibTorch_C10_LIBRARY)

foreach(_file torch/headeronly/version.h torch/csrc/api/include/torch/version.h)
  if(EXISTS "${LibTorch_INCLUDE_DIR}/${_file}" AND NOT LibTorch_VERSION)
    file(STRINGS "${LibTorch_INCLUDE_DIR}/${_file}" _lines REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
    string(REGEX MATCHALL "[0-9]+" _numbers "${_lines}")
    string(REPLACE ";" "." LibTorch_VERSION "${_numbers}")
  endif()
endforeach()

find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_INCLUDE_DIR LibTorch_CPU_LIBRARY LibTorch_C10_LIBRARY
  VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "Run ./dev deps, or name an installed LibTorch with -DVEF_TORCH_ROOT=DIR.")

if(LibTorch_FOUND AND NOT TARGET LibTorch::cpu)
  add_library(LibTorch::cpu SHARED IMPORTED)
  set_target_properties(LibTorch::cpu PROPERTIES
    IMPORTED_LOCATION "${LibTorch_CPU_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${LibTorch_INCLUDE_DIR};${LibTorch_INCLUDE_DIR}/torch/csrc/api/include"
    INTERFACE_LINK_LIBRARIES "${LibTorch_C10_LIBRARY}"
    INTERFACE_LINK_OPTIONS "-Wl,--allow-shlib-undefined")
endif()
