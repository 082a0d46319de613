find_package(OpenSSL REQUIRED)
vef_test(image LABEL unit TIMEOUT 180
  SOURCES image_decode.cpp image_golden.cpp image_hostile.cpp image_odd.cpp image_orientation.cpp image_prepare.cpp
    image_arithmetic.cpp image_normalize.cpp image_resize.cpp image_sheet.cpp
  LINKS vef::backends nlohmann_json::nlohmann_json opencv_core opencv_imgproc opencv_imgcodecs OpenSSL::Crypto)
