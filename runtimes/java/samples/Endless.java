public class Endless {
  static int deeper(int depth) {
    return deeper(depth + 1) + 1;
  }

  public static void main(String[] args) {
    try {
      System.out.println(deeper(0));
    } catch (StackOverflowError error) {
      System.out.println("overflow");
    }
  }
}
