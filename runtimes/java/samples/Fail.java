public class Fail {
  public static void main(String[] args) {
    System.out.println("before");
    throw new IllegalStateException("on purpose");
  }
}
