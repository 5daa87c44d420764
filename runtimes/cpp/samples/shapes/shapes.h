#pragma once

struct Rectangle {
  int width;
  int height;
};

int area(const Rectangle& rectangle);
