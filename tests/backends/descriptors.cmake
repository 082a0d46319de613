vef_test(descriptors LABEL unit
  SOURCES descriptors.cpp
  LINKS vef::backends opencv_core opencv_imgproc opencv_imgcodecs)

# Changed copies of real photographs, against a perceptual hash.
vef_test(recall LABEL parity TIMEOUT 300
  SOURCES descriptors_copies.cpp descriptors_phash.cpp descriptors_recall.cpp
  LINKS vef::backends opencv_core opencv_imgproc opencv_imgcodecs)
